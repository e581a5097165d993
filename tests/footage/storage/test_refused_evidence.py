"""A store that refuses some of its objects: that is not taken for absence, and stops nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3proxy import S3Proxy, Seen
from storecontract import s3_options

from footage.errors import BadRecord, NotThere, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.steps.open_clips import look
from footage.steps.verify import verify_clip, verify_tonight
from footage.storage import Store, open_store

KEPT = Path(__file__).parents[2] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())
CLIPS = ("t2v", "adopted", "unfinished", "abandoned")
ANSWERS = [
    pytest.param((403, "AccessDenied"), id="403"),
    pytest.param((503, "ServiceUnavailable"), id="503"),
]


class Refusing:
    """The answer to whoever reads what has this in its path."""

    part: str | None = None
    answer: tuple[int, str] | None = None

    def __call__(self, seen: Seen) -> tuple[int, str] | None:
        asked_for = seen.operation in ("get", "head") and self.part is not None
        return self.answer if asked_for and f"{self.part}" in seen.path.partition("?")[0] else None


@pytest.fixture
def refusing() -> Refusing:
    return Refusing()


@pytest.fixture
def store(moto_address: str, bucket: str, refusing: Refusing) -> Iterator[Store]:
    with S3Proxy(moto_address, refusing) as proxy:
        store = open_store(f"s3://{bucket}/base", s3_options(f"http://127.0.0.1:{proxy.port}"))
        for path in KEPT.rglob("*"):
            name = path.relative_to(KEPT).as_posix()
            if path.is_file() and (name.startswith("claims/") or any(KEYS[clip] in name for clip in CLIPS)):
                store.replace(name, path.read_bytes())
        yield store


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_refused_record_is_neither_absent_nor_damaged_and_stops_no_other_clip(
    store: Store, refusing: Refusing, answer: tuple[int, str]
) -> None:
    open_clip = KEYS["unfinished"]
    refusing.part, refusing.answer = f"{open_clip}/attempt-1/receipt.json", answer

    with pytest.raises(StorageProblem) as told:
        ClipEvidence(store, open_clip).state()
    found = {clip.key: clip.status for clip in look(store).unfinished}

    assert not isinstance(told.value, NotThere | BadRecord)
    assert told.value.retryable
    assert found[open_clip] == "unreadable"
    assert found[KEYS["abandoned"]] == "abandoned"


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_refused_video_is_no_whole_video_and_the_night_goes_on(
    store: Store, refusing: Refusing, answer: tuple[int, str]
) -> None:
    refusing.part, refusing.answer = f"videos/{KEYS['t2v']}.mp4", answer

    one = verify_clip(store, KEYS["t2v"])
    night = verify_tonight(store, 1 << 40)

    assert one.problems
    assert not any("is gone" in problem for problem in one.problems)
    assert night.clips == 2
    assert [damaged.key for damaged in night.damaged] == [KEYS["t2v"]]


def test_a_night_reads_the_videos_of_clips_that_are_no_longer_new(
    store: Store, moto_client: Any, bucket: str
) -> None:
    verify_tonight(store, 1 << 40)
    # What is noted beside it stays, as on a server that lost the bytes alone.
    video = {"Bucket": bucket, "Key": f"base/videos/{KEYS['t2v']}.mp4"}
    whole = moto_client.get_object(**video)
    spoilt = bytes(whole["ContentLength"])
    moto_client.put_object(**video, Body=spoilt, Metadata=whole["Metadata"])

    night = verify_tonight(store, 1 << 40)

    assert [damaged.key for damaged in night.damaged] == [KEYS["t2v"]]
    assert night.read_bytes > len(spoilt)
    assert "delete it" in night.damaged[0].problems[0]
