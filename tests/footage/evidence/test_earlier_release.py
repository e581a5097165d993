"""What the last release wrote stays readable, provable, and bought."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keptstore import spoil_video

from footage.context import Context
from footage.credentials import parse_key
from footage.errors import FootageError, GenerationFailed
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission, Step, decide
from footage.evidence.stored_clips import keys_in
from footage.settings import Settings
from footage.steps.check import reopen
from footage.steps.verify import verify_clip
from footage.storage import open_store

KEPT = Path(__file__).parents[2] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(http_base_url="http://127.0.0.1:8123/api/v1", output_dir=str(tmp_path))
    shutil.copytree(KEPT, settings.store_url)
    made = Context(
        settings, open_store(settings.store_url), find_api_key=lambda: parse_key("sk-emulator", "test")
    )
    yield made
    made.close()


def test_every_clip_of_it_verifies(context: Context) -> None:
    found = [verify_clip(context.store, key) for key in keys_in(context.store)]

    assert len(found) == len(KEYS)
    assert [problem for clip in found for problem in clip.problems] == []


@pytest.mark.parametrize("what", ["t2v", "i2v", "adopted"])
def test_a_clip_of_it_is_returned_and_not_bought(context: Context, what: str) -> None:
    clip = reopen(context, KEYS[what], Permission())

    assert clip.response is not None
    assert clip.response.cached
    assert clip.response.key == KEYS[what]


def test_a_clip_of_it_whose_video_has_other_bytes_by_now_is_brought_back_and_not_returned(
    context: Context,
) -> None:
    spoil_video(Path(context.settings.store_url), KEYS["t2v"])

    clip = reopen(context, KEYS["t2v"], Permission(may_buy=False))

    assert clip.response is None
    assert asyncio.run(clip.next_step()) is Step.DELIVER


@pytest.mark.parametrize(("what", "step"), [("abandoned", Step.POLL), ("unfinished", Step.POLL)])
def test_what_it_left_is_finished(context: Context, what: str, step: Step) -> None:
    clip = reopen(context, KEYS[what], Permission(may_buy=False))

    assert decide(clip.evidence.state(), clip.permission) is step


def test_what_failed_there_has_failed(context: Context) -> None:
    state = ClipEvidence(context.store, KEYS["failed"]).state()

    with pytest.raises(GenerationFailed) as failed:
        decide(state, Permission(attempts_before=1))
    assert isinstance(failed.value, FootageError)


def test_an_edited_prompt_is_not_bought_under_the_old_key(context: Context) -> None:
    path = f"evidence/{KEYS['failed']}/request.json"
    document: dict[str, Any] = json.loads(context.store.read(path))
    document["request"]["prompt"] += ", in gold"
    context.store.replace(path, json.dumps(document).encode())

    with pytest.raises(FootageError, match="not the one of this key"):
        reopen(context, KEYS["failed"], Permission())
