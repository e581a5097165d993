"""What the terminal shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from footage.errors import FootageError

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def tell(message: str, style: str = "") -> None:
    """A line for the person at the terminal."""
    stderr.print(Text(message, style=style))


def explain_error(error: FootageError) -> None:
    """The error's message and the next step, without a traceback."""
    stderr.print(Text(f"{type(error).__name__}: ", style="bold red") + Text(error.message))
    if error.next_step:
        stderr.print(Text("→ ", style="bold") + Text(error.next_step))


def print_json(document: BaseModel | dict[str, Any] | list[Any]) -> None:
    """The result, alone on stdout."""
    if isinstance(document, BaseModel):
        print(document.model_dump_json(indent=2))
    else:
        print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    sys.stdout.flush()
