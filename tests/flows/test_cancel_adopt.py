"""`wan-video cancel` and `wan-video adopt` from the outside, without a Prefect server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulatedrun import environment, fast_emulator
from plainsteps import PLAIN_STEPS
from records import INTENT, KEY

from flows.cli import run
from footage.clip import follow
from footage.context import open_context
from footage.emulator import Emulator
from footage.errors import SubmissionUnknown
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission
from footage.steps.check import enter, prepare

REQUEST = {"prompt": "A quiet harbour", "model": "wan2.2-t2v-plus", "size": "832*480"}


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A provider whose queue does not move."""
    with fast_emulator() as emulator:
        emulator.turn(start_delay_s=1e6)
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield emulator


def _lost(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a clip whose create was taken and whose answer was lost."""
    monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "0.05")
    monkeypatch.setenv("WAN_VIDEO_RECONCILE_GRACE_S", "60")
    context = open_context()
    clip = enter(context, prepare(context, REQUEST), Permission())
    with pytest.raises(SubmissionUnknown):
        asyncio.run(follow(clip, PLAIN_STEPS))
    context.close()
    return clip.key


def test_a_lost_clip_is_adopted_then_cancelled_and_no_worker_is_left_behind(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.fault("create-accept-reset")
    key = _lost(monkeypatch)
    task_id = emulator.tasks()[0]["task_id"]

    assert run(["adopt", key[:12], task_id]) == 0
    # A wrong key among several is told before anything is cancelled.
    assert run(["cancel", key[:12], "0123456789"]) == 2
    assert emulator.ledger()["cancels"] == 0
    assert run(["cancel", key[:12], "--json"]) == 0

    told = capsys.readouterr()
    assert f"→ wan-video generate --key {key}" in told.err
    assert [(one["key"], one["became"]) for one in json.loads(told.out)] == [(key, "canceled")]
    assert [task["status"] for task in emulator.tasks()] == ["CANCELED"]
    assert list(tmp_path.glob("*/workers/*")) == []


def test_cancel_wants_to_know_which_clips(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cancel"]) == 2

    assert "name the clips to cancel" in capsys.readouterr().err


def test_cancel_without_a_key_buys_and_cancels_nothing_and_names_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    assert run(["cancel"]) == 2
    assert "has no open clip" in capsys.readouterr().err
    with open_context() as context:
        ClipEvidence(context.store, KEY).write_intent(INTENT)

    assert run(["cancel"]) == 2
    assert f"{KEY[:12]} (unknown)" in capsys.readouterr().err
