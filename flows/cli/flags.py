"""Flags that several commands have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

# Off unless it is given: cyclopts would add a --no- form to each.
Switch = Annotated[bool, Parameter(negative="")]
