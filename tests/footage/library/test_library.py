"""The clips of a store: found by what their evidence says, quickly, and never by what is only remembered."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from countedstore import CountedStore
from libraryclips import DAY, bought, failed, finish, finished, ordered

from footage.library import ClipQuery, FoundClips, find_clips
from footage.storage import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def find(store: Any, tmp_path: Path, *words: str, **query: Any) -> FoundClips:
    return find_clips(store, ClipQuery(words, **query), cache=tmp_path / "cache")


def prompts(found: FoundClips) -> list[str]:
    return [clip.prompt for clip in found.clips]


def test_every_word_has_to_be_in_the_prompt_whatever_its_case_and_width(store: Store, tmp_path: Path) -> None:
    for prompt in ("A paper BOAT at dawn", "A boat at dusk", "一艘小船，ＤＡＷＮ"):
        finished(store, prompt)

    assert prompts(find(store, tmp_path, "boat", "Dawn")) == ["A paper BOAT at dawn"]
    assert prompts(find(store, tmp_path, "小船", "dawn")) == ["一艘小船，ＤＡＷＮ"]
    assert find(store, tmp_path, "lighthouse").total == 0


def test_clips_are_found_by_model_state_date_and_board(store: Store, tmp_path: Path) -> None:
    old = finished(store, "old", DAY - timedelta(days=9))
    new = finished(store, "new", model="wan2.2-t2v-plus", size="832*480")
    store.create(f"storyboards/Film/takes/s01/2-{old}.json", b"{}")

    assert prompts(find(store, tmp_path, model="wan2.2-t2v-plus")) == ["new"]
    assert prompts(find(store, tmp_path, since=DAY - timedelta(days=1))) == ["new"]
    assert prompts(find(store, tmp_path, state="open")) == []
    (clip,) = find(store, tmp_path, board="Film").clips
    assert [(place.board, place.shot, place.take) for place in clip.boards] == [("Film", "s01", 2)]
    assert (clip.key, new != old) == (old, True)
    assert find(store, tmp_path).boards == ("Film",)


def test_open_clips_come_first_then_the_newest_and_pages_of_them_follow_one_another(
    store: Store, tmp_path: Path
) -> None:
    for day in range(3):
        finished(store, f"day {day}", DAY + timedelta(days=day))
    bought(store, "on its way")

    assert prompts(find(store, tmp_path)) == ["on its way", "day 2", "day 1", "day 0"]
    page = find(store, tmp_path, offset=1, limit=2)
    assert (prompts(page), page.total) == (["day 2", "day 1"], 4)


def test_each_state_is_told_with_what_it_costs(store: Store, tmp_path: Path) -> None:
    ordered(store, "asked only")
    bought(store, "on its way")
    failed(store, "refused")
    failed(store, "gone", "lost")
    failed(store, "taken back", "canceled")
    finished(store, "done")
    broken = ordered(store, "broken").key
    store.create(f"evidence/{broken}/result.json", b"{}")

    states = {clip.prompt or clip.state: clip for clip in find(store, tmp_path).clips}
    assert {name: clip.state for name, clip in states.items()} == {
        "asked only": "ordered", "on its way": "open", "refused": "failed", "gone": "lost", "done": "finished",
        "taken back": "canceled",
        "unreadable": "unreadable",
    }  # fmt: skip
    assert "does not fit" in states["unreadable"].detail
    assert (states["done"].amount, states["done"].currency) == (states["on its way"].amount, "CNY")
    # The provider bills what succeeds, whether it could be fetched or not.
    assert states["gone"].amount == states["done"].amount
    assert states["refused"].amount is states["taken back"].amount is None


def test_a_second_look_reads_nothing_of_a_finished_clip(store: Store, tmp_path: Path) -> None:
    for number in range(5):
        finished(store, f"clip {number}")
    find(store, tmp_path)
    counted: Any = CountedStore(store)

    assert find(counted, tmp_path).total == 5

    assert [path for name, path in counted.asked if name in ("read", "list") and "evidence" in path] == []


def test_what_happened_since_the_last_look_is_seen(store: Store, tmp_path: Path) -> None:
    order = bought(store, "a boat")
    gone = finished(store, "a kite")
    assert [clip.state for clip in find(store, tmp_path).clips] == ["open", "finished"]

    finish(store, order)
    for path in store.list(f"evidence/{gone}"):
        store.delete(path)
    (Path(store.url) / "evidence" / gone).rmdir()

    assert [(clip.prompt, clip.state) for clip in find(store, tmp_path).clips] == [("a boat", "finished")]


def test_an_index_that_remembers_more_than_the_evidence_has_is_not_believed(
    store: Store, tmp_path: Path
) -> None:
    key = finish(store, bought(store, "a boat"))
    find(store, tmp_path)

    store.delete(f"evidence/{key}/result.json")

    assert [clip.state for clip in find(store, tmp_path).clips] == ["open"]


@pytest.mark.parametrize("damage", ["truncated", "other columns", "other values", "a folder", "not writable"])
def test_without_a_usable_index_everything_is_found_all_the_same(
    damage: str, store: Store, tmp_path: Path
) -> None:
    finished(store, "a boat")
    find(store, tmp_path)
    (index,) = (tmp_path / "cache").glob("*.sqlite")
    data = index.read_bytes()
    index.unlink()
    match damage:
        case "truncated":
            index.write_bytes(data[: len(data) // 2])
        case "other columns":
            index.write_bytes(data.replace(b"seen TEXT", b"soon TEXT"))
        case "other values":
            index.write_bytes(data.replace(b'"finished"', b'"finishes"'))
        case "a folder":
            index.mkdir()
        case _:
            index.parent.rmdir()
            index.parent.write_text("a file in its place")

    assert prompts(find(store, tmp_path)) == ["a boat"]
    assert prompts(find(store, tmp_path)) == ["a boat"]


def test_the_index_is_readable_by_its_user_alone(store: Store, tmp_path: Path) -> None:
    finished(store, "a secret plan")
    find(store, tmp_path)

    (index,) = (tmp_path / "cache").glob("*.sqlite")
    assert stat.S_IMODE(index.stat().st_mode) == 0o600


def test_another_store_at_the_same_address_does_not_show_the_clips_of_the_first(
    store: Store, tmp_path: Path
) -> None:
    order = bought(store, "a boat")
    store.create("store.json", b'{"marked_since": "2026-11-01T00:00:00Z"}')
    key = finish(store, order, DAY - timedelta(days=3))
    find(store, tmp_path)

    store.replace("store.json", b'{"marked_since": "2026-11-09T00:00:00Z"}')
    store.delete(f"evidence/{key}/result.json")
    finish(store, order, DAY)

    assert [clip.at for clip in find(store, tmp_path).clips] == [DAY]
