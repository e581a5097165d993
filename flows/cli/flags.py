"""Flags that several commands have, and how their values are called in `--help`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.completion import CompletionContext

from footage.catalogue import offered_names


def offering(names: Sequence[str], metavar: str) -> Parameter:
    """A text for which the shell's Tab key offers these names; others are refused by the rules, with all the rest."""

    def offered(context: CompletionContext) -> Sequence[str]:  # noqa: ARG001 - cyclopts calls it so
        return names

    return Parameter(metavar=metavar, completer=offered)


# Off unless it is given: cyclopts would add a --no- form to each.
Switch = Annotated[bool, Parameter(negative="", show_default=False)]
BlockName = Annotated[str | None, Parameter(metavar="NAME")]
ModelName = Annotated[str | None, offering(offered_names(), "MODEL")]
Seconds = Annotated[float, Parameter(metavar="SECONDS", show_default="{:g}".format)]
