"""`wan-video help`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def help(*command: Annotated[str, Parameter(metavar="COMMAND")]) -> None:
    """What a command does and which options it has.

    Args:
        command: The command; without one, the list of all.
    """
    from flows.cli import app

    app([*command, "--help"], exit_on_error=False, print_error=False, result_action="return_value")
