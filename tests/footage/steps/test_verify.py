"""What stored clips are checked for, one by one and a share of them each night."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from keptstore import FINISHED, KEYS, kept_store, spoil_video

from footage.errors import NotThere
from footage.steps.verify import last_night, verify_clip, verify_tonight
from footage.storage import Store, open_store

PLENTY = 1 << 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return kept_store(tmp_path)


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root))


def spoil_record(root: Path, key: str) -> None:
    path = root / f"evidence/{key}/attempt-1/receipt.json"
    path.write_text(path.read_text() + " ")


def spoil_order(root: Path, key: str) -> None:
    (root / f"evidence/{key}/request.json").write_text("[]")


def forge_wish(root: Path, key: str) -> None:
    (root / f"evidence/{key}/cancel-1.json").write_text('{"key": "' + "0" * 64 + '"}')


SPOILED: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "a video": (spoil_video, "has other bytes than were delivered"),
    "a record": (spoil_record, "was changed after the clip was sealed"),
    "a video that is gone": (lambda root, key: (root / f"videos/{key}.mp4").unlink(), "is gone"),
    "a poster that is gone": (lambda root, key: (root / f"videos/{key}.jpg").unlink(), "is gone"),
    "a wish to cancel": (forge_wish, "cancel-1.json"),
    "an order": (spoil_order, "it is no JSON object"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_whatever_was_spoiled_is_named_and_the_others_are_whole(root: Path, store: Store, what: str) -> None:
    spoil, said = SPOILED[what]
    spoil(root, KEYS["t2v"])

    found = {key: verify_clip(store, key).problems for key in FINISHED}

    assert any(said in problem for problem in found.pop(KEYS["t2v"]))
    assert list(found.values()) == [[], []]


def test_a_night_checks_what_is_new_and_the_next_goes_on_where_it_stopped(root: Path, store: Store) -> None:
    one_clip = 1

    nights = [verify_tonight(store, one_clip) for _ in range(4)]
    spoil_video(root, FINISHED[1])
    later = [verify_tonight(store, one_clip) for _ in range(3)]

    assert [night.clips for night in nights] == [1, 1, 1, 1]
    assert all(night.read_bytes > 0 and night.damaged == () for night in nights)
    # In three nights each of three clips had its turn.
    assert {damaged.key for night in later for damaged in night.damaged} == {FINISHED[1]}


def test_a_clip_is_told_as_damaged_until_it_is_whole_again(root: Path, store: Store) -> None:
    one_clip = 1
    for key in FINISHED[1:]:
        spoil_video(root, key)
    verify_tonight(store, PLENTY)

    night = verify_tonight(store, one_clip)
    told = last_night(store)
    for key in FINISHED[1:]:
        spoil_video(root, key)
    mended = verify_tonight(store, one_clip)

    # One of the two had its turn, and one that was whole.
    assert {damaged.key for damaged in night.damaged} == set(FINISHED[1:])
    assert night.clips == 3
    assert told is not None
    assert set(told.damaged) == set(FINISHED[1:])
    assert mended.damaged == ()


def test_a_night_without_a_limit_checks_every_finished_clip_once(root: Path, store: Store) -> None:
    spoil_record(root, FINISHED[0])
    spoil_video(root, FINISHED[2])

    night = verify_tonight(store, PLENTY)

    assert night.clips == 3
    assert [damaged.key for damaged in night.damaged] == [FINISHED[0], FINISHED[2]]


@pytest.mark.parametrize("memory", ["", "[]", '{"cursor": 5}', '{"seen": {"a": 1}}', "[" * 100_000])
def test_a_night_that_cannot_read_what_the_last_one_noted_checks_all_as_new(
    root: Path, store: Store, memory: str
) -> None:
    (root / "verified.json").write_text(memory)

    assert verify_tonight(store, PLENTY).clips == 3
    assert json.loads((root / "verified.json").read_text())["seen"]


def test_what_a_night_found_is_there_the_next_day(root: Path, store: Store) -> None:
    assert last_night(store) is None
    spoil_video(root, FINISHED[1])

    night = verify_tonight(store, PLENTY)

    last = last_night(store)
    assert last is not None
    assert (last.clips, last.damaged) == (night.clips, (FINISHED[1],))
    assert last.to_json() == {
        "at": last.at.isoformat(timespec="seconds"), "clips": 3, "damaged": [FINISHED[1]],
    }  # fmt: skip


def test_a_clip_that_is_checked_says_how_much_was_read_for_it(root: Path, store: Store) -> None:
    key = KEYS["i2v"]
    videos = [path.stat().st_size for path in root.glob(f"videos/{key}*.mp4")]

    found = verify_clip(store, key)

    assert (len(videos), found.read_bytes) == (2, sum(videos))
    assert found.to_json() == {"key": key, "finished": True, "problems": []}
    assert verify_clip(store, KEYS["unfinished"]).to_json()["finished"] is False


def test_what_was_never_ordered_cannot_be_checked(store: Store) -> None:
    with pytest.raises(NotThere):
        verify_clip(store, "ab" * 32)
