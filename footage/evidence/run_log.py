"""The end-to-end log of one clip, kept beside its evidence; the same lines that the terminal and the UI show.

Lines are told apart by a context variable: hundreds of clips log in one process, from many threads.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Generator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.errors import StorageProblem
from footage.evidence.growing_file import GrowingFile
from footage.privacy.display import plain
from footage.privacy.redact import redact

if TYPE_CHECKING:
    from footage.storage import Store

# So many of the newest lines are kept of what has no file: a run may go on for months.
MOST_LINES_KEPT = 1000

_current: ContextVar[RunLog | None] = ContextVar("footage_run_log", default=None)


class RunLog:
    """Collects the lines of one clip and appends them to its `run.log` when told to."""

    def __init__(self, store: Store | None = None, path: str = "") -> None:
        self._file = GrowingFile(store, path) if store else None
        self._lines: deque[str] = deque()
        # What was said before the first clip was driven, by nobody in particular; see `opening`.
        self._opening: deque[str] = deque(maxlen=MOST_LINES_KEPT)
        self._opened = False
        self._lock = threading.Lock()

    def add(self, record: logging.LogRecord) -> None:
        """Keep one record; secrets and signatures are taken out here, too."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        # Prefect's own lines say "Finished" and leave it to the record of which task run they speak.
        step = getattr(record, "task_run_name", None)
        text = (f"{step}: " if step else "") + record.getMessage()
        line = f"{at} {record.levelname:<7} {plain(redact(text))}\n".replace("\n", "\n    ").rstrip(" ")
        with self._lock:
            self._lines.append(line)
            if self._file is None and len(self._lines) > MOST_LINES_KEPT:
                self._lines.popleft()
            if not self._opened and step is None and not hasattr(record, "clip"):
                self._opening.append(line)

    def opening(self) -> list[str]:
        """What a run said before it drove its first clip, without what it said about single clips and their steps."""
        with self._lock:
            self._opened = True
            return list(self._opening)

    def begin_with(self, run: RunLog) -> None:
        """Take over what the run said before any of its clips."""
        lines = run.opening()
        with self._lock:
            self._lines.extendleft(reversed(lines))

    def keep_at(self, store: Store, path: str, *, new: bool = False) -> None:
        """Say where the lines belong, once that is known; `new`: where there is no such file yet."""
        self._file = GrowingFile(store, path, new=new)

    def flush(self) -> None:
        """Append what has gathered, at once or soon; a store that fails here must not fail the clip."""
        if self._file is None:
            return
        with self._lock:
            lines, self._lines = self._lines, deque()
        if lines:
            with contextlib.suppress(StorageProblem):
                self._file.add("".join(lines).encode())

    def drop(self) -> None:
        """Forget what has gathered and is not written yet."""
        with self._lock:
            self._lines.clear()

    def close(self) -> None:
        """Append what has gathered now: another worker may write there next."""
        self.flush()
        if self._file is not None:
            with contextlib.suppress(StorageProblem):
                self._file.flush()


class _Collector(logging.Handler):
    """Hands every record to the run log of the clip that is being worked on."""

    def emit(self, record: logging.LogRecord) -> None:
        log = _current.get()
        # A record climbs from logger to logger, and may meet this handler at more than one of them.
        if log is not None and not getattr(record, "in_run_log", False):
            record.in_run_log = True
            log.add(record)


_collector = _Collector(logging.INFO)


def collect_from(*names: str) -> None:
    """Let these loggers feed the run logs; calling it again changes nothing."""
    for name in names:
        logger = logging.getLogger(name)
        if _collector not in logger.handlers:
            logger.addHandler(_collector)
        if logger.level in (logging.NOTSET, logging.WARNING):
            logger.setLevel(logging.INFO)


def current() -> RunLog | None:
    """The log that lines of this context go to."""
    return _current.get()


@contextlib.contextmanager
def recorded(log: RunLog) -> Generator[RunLog]:
    """Within this block, log lines of this task and of the threads it starts belong to `log`."""
    token = _current.set(log)
    try:
        yield log
    finally:
        _current.reset(token)
