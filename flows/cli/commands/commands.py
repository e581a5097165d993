"""`wan-video commands`: the command line as data."""

from __future__ import annotations

from typing import Any

from flows.cli.console import print_json
from flows.cli.flags import Switch


def commands(*, json: Switch = False) -> None:
    """All commands with their options, values and defaults, and the exit codes, for programs.

    Args:
        json: Print everything as JSON; without it, a line for each command.
    """
    from flows.cli import COMMANDS, EXIT_CODES

    if not json:
        for name, summary in COMMANDS.items():
            print(f"{name:<22}{summary.splitlines()[0]}")
        return
    print_json(
        {
            "exit_codes": EXIT_CODES,
            "commands": [
                {"name": name, "summary": summary, "options": _options(name)}
                for name, summary in COMMANDS.items()
            ],
        }
    )


def _options(command: str) -> list[dict[str, Any]]:
    from flows.cli import app

    found: list[dict[str, Any]] = []
    for argument in app[command].assemble_argument_collection():
        names = [*argument.names]
        # A model of flags stands in the list itself, before its fields.
        if names == ["*"] or not argument.show:
            continue
        default = argument.field_info.default
        found.append(
            {
                "names": names,
                "positional": not names[0].startswith("-"),
                "value": None if argument.hint is bool else argument.parameter.metavar or "TEXT",
                "many": argument.field_info.kind is argument.field_info.VAR_POSITIONAL,
                "choices": list(argument.get_choices() or ()),
                "default": default if isinstance(default, str | int | float | bool) else None,
                "help": argument.parameter.help,
            }
        )
    return found
