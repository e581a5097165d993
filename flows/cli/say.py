"""What the terminal shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from footage.errors import FootageError

stderr = Console(stderr=True, highlight=False, soft_wrap=True)

_COMMAND = re.compile(r"\bwan-video (?:generate|storyboard|harvest|cancel|adopt)\b")
_places: list[str] = []


def remember_place(arguments: list[str]) -> None:
    """Keep the flags that say where this command's clips are: the commands that we print need them, too."""
    _places.clear()
    for flag, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = flag.partition("=")
        if flag == "--emulator":
            _places.append(flag)
        elif name in ("--credentials-block", "--storage-block"):
            _places.append(f"{name} {shlex.quote(value or following)}")


def _here(text: str) -> str:
    """The text, with commands that find this command's clips."""
    return _COMMAND.sub(lambda command: " ".join([command[0], *_places]), text)


def tell(message: str, style: str = "") -> None:
    """A line for the person at the terminal."""
    stderr.print(Text(_here(message), style=style))


class _Lines(logging.Handler):
    """What the core logs, one short line each."""

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created).astimezone()
        style = "yellow" if record.levelno >= logging.WARNING else ""
        stderr.print(Text(f"{at:%H:%M:%S} ", "dim") + Text(_here(record.getMessage()), style))


def show_progress() -> None:
    """Let the core's log lines appear in the terminal; calling it again changes nothing."""
    logger = logging.getLogger("footage")
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines(logging.INFO))


def explain_error(error: FootageError) -> None:
    """The error's message and the next step, without a traceback."""
    stderr.print(Text(f"{type(error).__name__}: ", style="bold red") + Text(error.message))
    if error.next_step:
        stderr.print(Text("→ ", style="bold") + Text(_here(error.next_step)))


def print_json(document: BaseModel | dict[str, Any] | list[Any]) -> None:
    """The result, alone on stdout."""
    if isinstance(document, BaseModel):
        print(document.model_dump_json(indent=2))
    else:
        print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    sys.stdout.flush()
