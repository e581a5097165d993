"""The installed command's way in: starts the command line only if the packages beside this one are ours.

`flows`, `tasks`, `blocks` and `footage` are ordinary names, so this module is in none of them. A folder of such a name
on PYTHONPATH, or another distribution's, would be imported instead, and the first sign of it would be a traceback about
something that is not in it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

# A module of each package by which ours are told from others of the same name.
KNOWN_BY = {"flows": "generate.py", "tasks": "submit.py", "blocks": "credentials.py", "footage": "request.py"}


def main() -> None:
    """Run `wan-video`, or say in one line which package stands in its way, with exit code 1."""
    trouble = foreign_package()
    if trouble is not None:
        sys.exit(f"wan-video cannot start: {trouble}")
    try:
        command_line = importlib.import_module("flows.cli")
    except ImportError as error:
        # Of two distributions with a package of one name, the last one installed has overwritten the other's files.
        if (error.name or "").partition(".")[0] not in KNOWN_BY:
            raise
        sys.exit(
            f"wan-video cannot start: its `{error.name}` is gone; install it into an environment of its own."
        )
    command_line.main()


def foreign_package() -> str | None:
    """What is imported in place of one of our packages, and what to do; None when all are ours."""
    for name, module in KNOWN_BY.items():
        spec = importlib.util.find_spec(name)
        places = [Path(place).resolve() for place in (spec.submodule_search_locations or [])] if spec else []
        if not places:
            found = f" ({spec.origin})" if spec and spec.origin else ""
            return f"its package `{name}` is not installed{found}; install wan-video into an environment of its own."
        if not (places[0] / module).is_file():
            return (
                f"`{name}` is {places[0]}, which is not part of it; "
                "take that folder off PYTHONPATH, or install wan-video into an environment of its own."
            )
    return None
