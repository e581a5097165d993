"""A process of its own that makes a clip to its end, whatever becomes of the one that started it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.store_status import ClipStatus

_LOOK_EVERY_LOCAL_S, _LOOK_EVERY_S = 0.2, 2.0


@dataclass(frozen=True)
class Ended:
    """How a worker ended: its exit code, and what it printed as JSON, if it did."""

    exit_code: int
    document: dict[str, Any] | None


class ClipWorker(Protocol):
    """Who makes a clip elsewhere."""

    def ended(self) -> Ended | None:
        """How it ended; None while it works."""
        ...

    def close(self) -> None:
        """Nobody asks any more how it ends; it goes on."""
        ...


class ChildProcess:
    """A command of ours in a session of its own: Ctrl-C at this terminal, or its end, is not about it."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from flows.cli import main; main()", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._answer,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._ended: Ended | None = None
        # Whoever starts many of them is left with none that ended and was never waited for.
        threading.Thread(target=self._process.wait, name="footage-child", daemon=True).start()

    def ended(self) -> Ended | None:
        if self._ended is None and (code := self._process.poll()) is not None:
            self._ended = Ended(code, self._document())
            self.close()
        return self._ended

    def close(self) -> None:
        self._answer.close()

    def _document(self) -> dict[str, Any] | None:
        self._answer.seek(0)
        try:
            document = json.loads(self._answer.read())
        except ValueError:
            return None
        return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def start_clip_process(key: str, flags: Sequence[str]) -> ChildProcess:
    """Start a process that makes the clip of this key; `flags` say where it is, and what it may cost."""
    return ChildProcess(["generate", "--key", key, "--json", *flags])


def until_bought(
    context: Context, key: str, worker: ClipWorker, *, patience_s: float
) -> tuple[ClipStatus, Ended | None]:
    """Where the clip stands once it is bought, stored, or its worker gave up, and how that one ended; `patience_s`
    is how long this is waited for."""
    from footage.steps.store_status import clip_status

    every_s = _LOOK_EVERY_S if "://" in context.store.url else _LOOK_EVERY_LOCAL_S
    until_s = time.monotonic() + patience_s
    while True:
        ended = worker.ended()
        now = clip_status(context, key)
        if now.video_url or (now.task_id and not now.ended):
            return now, None
        if ended is not None or time.monotonic() > until_s:
            return now, ended
        time.sleep(every_s)
