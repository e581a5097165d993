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
from footage.steps.last_frame import kept_last_frame, last_frame_of, last_frame_path
from footage.steps.verify import verify_clip
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


def test_a_last_frame_that_was_exchanged_is_decoded_anew_or_is_no_start_of_another(context: Context) -> None:
    store, path = context.store, last_frame_path(KEY)
    frame = last_frame_of(store, KEY)
    store.replace(path, frame + b"others")

    assert kept_last_frame(store, KEY) is None
    assert any(path in problem for problem in verify_clip(store, KEY).problems)
    assert last_frame_of(store, KEY) == frame == store.read(path) == kept_last_frame(store, KEY)
    assert not any(path in problem for problem in verify_clip(store, KEY).problems)

    # Kept by a release whose decoder made others, which nobody can make here.
    record = ClipEvidence(store, KEY).last_frame()
    assert record is not None
    others = record.model_copy(update={"file": record.file.model_copy(update={"sha256": "0" * 64})})
    ClipEvidence(store, KEY).write_last_frame(others)
    with pytest.raises(StorageProblem, match="other bytes than shots have started from"):
        last_frame_of(store, KEY)
    store.delete(path)
    assert last_frame_of(store, KEY) == frame == kept_last_frame(store, KEY)


def test_a_last_frame_without_a_record_is_kept_as_it_is(context: Context) -> None:
    store, path = context.store, last_frame_path(KEY)
    store.create(path, b"decoded by an earlier release")

    assert last_frame_of(store, KEY) == b"decoded by an earlier release"
    store.replace(path, b"something else")
    assert kept_last_frame(store, KEY) is None
