"""What is made or bought from a stored clip is made from the bytes that were delivered."""

from __future__ import annotations

from pathlib import Path

import pytest
from keptstore import KEYS, kept_store, spoil_video

from footage.context import Context
from footage.credentials import parse_key
from footage.errors import InvalidRequest, NotThere, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.settings import Settings
from footage.steps.check import finished_clip
from footage.steps.labelled_copy import labelled_copy
from footage.steps.last_frame import last_frame_of, last_frame_path
from footage.storage import open_store

KEY = KEYS["t2v"]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    store = open_store(str(kept_store(tmp_path)))
    return Context(Settings(output_dir=str(tmp_path)), store, find_api_key=lambda: parse_key("sk-a", "test"))


def test_a_clip_whose_bytes_were_changed_is_no_start_of_another(context: Context, tmp_path: Path) -> None:
    store = context.store
    whole = finished_clip(context, KEY, 1 << 30)
    spoil_video(Path(store.url), KEY)

    for made_from in (
        lambda: finished_clip(context, KEY, 1 << 30),
        lambda: last_frame_of(store, KEY),
        lambda: labelled_copy(ClipEvidence(store, KEY)),
    ):
        with pytest.raises(StorageProblem, match="other bytes than were delivered"):
            made_from()

    assert not store.exists(last_frame_path(KEY))
    store.replace(f"videos/{KEY}.mp4", whole)
    assert last_frame_of(store, KEY) == store.read(last_frame_path(KEY))


def test_a_video_without_a_record_of_its_delivery_is_no_start_of_another(context: Context) -> None:
    for name in ("delivered.json", "result.json"):
        context.store.delete(f"evidence/{KEY}/{name}")

    with pytest.raises(InvalidRequest, match="not finished yet"):
        finished_clip(context, KEY, 1 << 30)
    with pytest.raises(NotThere):
        last_frame_of(context.store, KEY)
