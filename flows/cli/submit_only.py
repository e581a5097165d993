"""`wan-video generate --submit-only`: a process of its own goes on with the clip, and outlives the command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from flows.cli.console import command_here, tell
from footage.errors.actions import Harvest, Wait

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.store_status import ClipStatus

# As long as callers with a limit of a minute wait for an answer.
PATIENCE_S = 45.0
_LOOK_EVERY_LOCAL_S, _LOOK_EVERY_S = 0.2, 2.0


@dataclass(frozen=True)
class Submitted:
    """How far a clip is when the command returns: where it stands, or the error that its process ended with."""

    exit_code: int
    document: dict[str, Any]


def submit_only(context: Context, key: str, flags: Sequence[str]) -> Submitted:
    """Start a process that makes the clip, and come back when it is bought, refused, or `PATIENCE_S` have passed.

    `flags` are those of the command that says where the clip is, and what it may cost.
    """
    from footage.steps.store_status import clip_status

    every_s = _LOOK_EVERY_S if "://" in context.store.url else _LOOK_EVERY_LOCAL_S
    until_s = time.monotonic() + PATIENCE_S
    with tempfile.TemporaryFile() as answer:
        child = _start(key, flags, answer)
        while True:
            code = child.poll()
            now = clip_status(context, key)
            if now.video_url or (now.task_id and not now.ended) or time.monotonic() > until_s:
                break
            if code is not None:
                # It knows better than the evidence why it ended.
                return Submitted(code, _read(answer) or _document(now))
            time.sleep(every_s)
    if not now.ended:
        tell(f"{key[:12]}  {now.state}", "bold")
    return Submitted(now.exit_code, _document(now))


def _document(now: ClipStatus) -> dict[str, Any]:
    commands = [] if now.ended else [command_here(Wait(now.key)), command_here(Harvest())]
    return {**now.to_json(), "commands": commands}


def _start(key: str, flags: Sequence[str], answer: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "generate", "--key", key, "--json"]
    # A session of its own: Ctrl-C at this terminal, or its end, is about this command.
    child = subprocess.Popen(
        [*command, *flags],
        stdin=subprocess.DEVNULL,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Whoever starts many of them is left with none that ended and was never waited for.
    threading.Thread(target=child.wait, name="footage-child", daemon=True).start()
    return child


def _read(answer: IO[bytes]) -> dict[str, Any] | None:
    answer.seek(0)
    try:
        document = json.loads(answer.read())
    except ValueError:
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None
