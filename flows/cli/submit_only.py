"""`wan-video generate --submit-only`: a process of its own goes on with the clip, and outlives the command."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.cli.clip_process import start_clip_process, until_bought
from flows.cli.console import command_here, tell
from footage.errors.actions import Harvest, Wait

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.store_status import ClipStatus

# As long as callers with a limit of a minute wait for an answer.
PATIENCE_S = 45.0


@dataclass(frozen=True)
class Submitted:
    """How far a clip is when the command returns: where it stands, or the error that its process ended with."""

    exit_code: int
    document: dict[str, Any]


def submit_only(context: Context, key: str, flags: Sequence[str]) -> Submitted:
    """Start a process that makes the clip, and come back when it is bought, refused, or `PATIENCE_S` have passed.

    `flags` are those of the command that says where the clip is, and what it may cost.
    """
    with contextlib.closing(start_clip_process(key, flags)) as worker:
        now, ended = until_bought(context, key, worker, patience_s=PATIENCE_S)
    if ended is not None:
        # It knows better than the evidence why it ended.
        return Submitted(ended.exit_code, ended.document or _document(now))
    if not now.ended:
        tell(f"{key[:12]}  {now.state}", "bold")
    return Submitted(now.exit_code, _document(now))


def _document(now: ClipStatus) -> dict[str, Any]:
    commands = [] if now.ended else [command_here(Wait(now.key)), command_here(Harvest())]
    return {**now.to_json(), "commands": commands}
