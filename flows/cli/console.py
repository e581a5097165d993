"""What the terminal shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, TextIO, cast

from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.status_line import StatusLine
from footage.errors import FootageError
from footage.errors.actions import Action, NextStep, command
from footage.privacy.display import plain, plain_json

# Wider than any table whose columns are as narrow as they may be.
_WIDEST = 1000

# Colours, which rich writes.
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def _shown_only(text: str) -> str:
    """Text without anything that acts on a terminal but colours: the last fence, whoever printed it."""
    return "".join(part if at % 2 else plain(part) for at, part in enumerate(_COLOUR.split(text)))


class Patient:
    """A stream that never fails: one that is full or gone must not stop a clip that is being paid for.

    A status line that stands on the same terminal makes way for what is written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failed: OSError | None = None
        # Whether anything was printed.
        self.written = False
        self.status: StatusLine | None = None

    def write(self, text: str) -> int:
        self.written = True
        with self.status.lock if self.status else contextlib.nullcontext():
            if self.status:
                self.status.make_way(text)
            self._do(lambda stream: stream.write(_shown_only(text)))
        return len(text)

    def write_status(self, text: str) -> None:
        """Write as it is what wipes and rewrites a line; it holds nothing of others."""
        self._do(lambda stream: stream.write(text))
        self.flush()

    @property
    def is_terminal(self) -> bool:
        """Whether lines can be wiped there."""
        if self._stream is None or self._stream.closed or not self._stream.isatty():
            return False
        return os.environ.get("TERM") not in ("dumb", "unknown")

    def flush(self) -> None:
        self._do(lambda stream: stream.flush())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _do(self, act: Callable[[TextIO], object]) -> None:
        if self._stream is None or self._stream.closed:
            return
        try:
            act(self._stream)
        except OSError as error:
            self.failed = error
            # What is buffered goes nowhere: the interpreter flushes again when it ends, and would complain.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def patient_output() -> Generator[Patient]:
    """Within this block nothing that is printed can fail; gives the stdout, which knows whether it did."""
    out, err = Patient(sys.stdout), Patient(sys.stderr)
    err.status = status = StatusLine(err.write_status, rewritten=err.is_terminal)
    # What goes elsewhere breaks no silence, and has nothing to make way for.
    out.status = status if out.is_terminal else None
    _status.append(status)
    try:
        with contextlib.redirect_stdout(cast(TextIO, out)), contextlib.redirect_stderr(cast(TextIO, err)):
            yield out
            out.flush()
    finally:
        _status.remove(status)
        status.end()


# Of the command that runs.
_status: list[StatusLine] = []


stderr = Console(stderr=True, highlight=False, soft_wrap=True)

_flags: list[str] = []


def remember_flags(arguments: list[str]) -> None:
    """Keep the flags that say where this command's clips are: the commands that we print need them, too."""
    _flags.clear()
    for flag, following in zip(arguments, [*arguments[1:], ""], strict=False):
        name, _, value = flag.partition("=")
        if flag == "--emulator":
            _flags.append(flag)
        elif name in ("--credentials-block", "--storage-block"):
            _flags.append(f"{name} {shlex.quote(value or following)}")


def flags_here() -> tuple[str, ...]:
    """The flags of this command that say where its clips are."""
    return tuple(_flags)


def command_here(action: Action) -> str:
    """The command for an action, so that it finds this command's clips."""
    return command(action, _flags)


def tell_next(step: NextStep | Action) -> None:
    """What to do next, as the last line for the person at the terminal."""
    step = step if isinstance(step, NextStep) else NextStep.of(step)
    stderr.print(Text("→ ", style="bold") + Text(step.written(command_here)))


def tell(message: str, style: str = "") -> None:
    """A line for the person at the terminal."""
    for status in _status:
        status.forget_pauses()
    stderr.print(Text(plain(message), style=style))


class _Lines(logging.Handler):
    """What the core logs, one short line each."""

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created).astimezone()
        style = "yellow" if record.levelno >= logging.WARNING else ""
        stderr.print(Text(f"{at:%H:%M:%S} ", "dim") + Text(plain(record.getMessage()), style))
        for status in _status:
            status.note_pause(getattr(record, "clip", None), getattr(record, "pause_s", None))


def show_lines() -> None:
    """Let the core's log lines appear in the terminal; calling it again changes nothing."""
    logger = logging.getLogger("footage")
    # Prefect would set it, too, but what is said before and while it loads counts as well.
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines(logging.INFO))


def show_progress() -> None:
    """The same, and let no wait be silent."""
    show_lines()
    for status in _status:
        status.start()


def hold_status() -> None:
    """Break no silence until something is printed again: a person types."""
    for status in _status:
        status.hold()


def explain_error(error: FootageError) -> None:
    """The error's message and the next step, without a traceback."""
    stderr.print(Text(f"{type(error).__name__}: ", style="bold red") + Text(error.message))
    if paid := error.details.get("paid"):
        stderr.print(Text("Paid: ", style="bold") + Text(f"{paid}."))
    if error.next_step:
        tell_next(error.next_step)


def print_table(table: Table) -> None:
    """A table on stdout: in a narrow terminal its lines are longer than that, and no amount or name is cut."""
    for column in table.columns:
        if column.no_wrap:
            column.min_width = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
    console = Console()
    least = console.measure(table, options=console.options.update_width(_WIDEST)).minimum
    Console(width=max(console.width, least)).print(table)


def print_json(document: BaseModel | dict[str, Any] | list[Any]) -> None:
    """The result, alone on stdout."""
    if isinstance(document, BaseModel):
        document = document.model_dump(mode="json")
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2, default=str)
    print(plain_json(text))
    sys.stdout.flush()
