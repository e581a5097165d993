"""Files of a board are made again only when something that they are made from has changed."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boards import delivered, planned
from clips import make_clip
from seaweed import seaweed

from footage import media
from footage.errors import StorageProblem
from footage.storage import Store, open_store
from footage.storage.sha256 import sha256_of
from footage.storyboard import Budget, Ledger, ShotOutcome
from footage.storyboard.local_clips import LocalClips
from footage.storyboard.outputs import OUTPUTS, Outputs
from footage.storyboard.package import Package, make_package
from footage.storyboard.plan import BoardPlan

FOLDER = "storyboards/storyboard"
FILM = {"title": "One", "dialogue": "Who lit it?"}


def two(first: dict[str, Any] = FILM, **film: Any) -> BoardPlan:
    return planned(
        {"id": "a", "size": "832*480", **first},
        {"id": "b", "size": "832*480", "seed": 2},
        film={"thumbnail": True, **film},
    )


def clips_of(
    store_at: Path, plan: BoardPlan, *, colour: tuple[int, int, int] = (9, 99, 200)
) -> dict[str, ShotOutcome]:
    """The clips of the plan, in the store."""
    (store_at / "videos").mkdir(exist_ok=True)
    outcomes: dict[str, ShotOutcome] = {}
    for shot in plan.shots:
        outcome = delivered(shot, duration=1.0)
        assert outcome.response is not None
        file = make_clip(
            store_at / f"videos/{outcome.response.key}.mp4", size=(832, 480), fps=30, colour=colour
        )
        outcomes[shot.id] = replace(
            outcome, response=outcome.response.model_copy(update={"sha256": sha256_of(file)})
        )
    return outcomes


def packed(store: Store, plan: BoardPlan, outcomes: dict[str, ShotOutcome]) -> Package:
    return make_package(store, plan, outcomes, Ledger(Budget()).statement())


def written(store_at: Path) -> dict[str, tuple[int, int]]:
    """Which file of the folder is which: a file that was replaced is another one."""
    return {
        file.name: (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in (store_at / FOLDER).iterdir()
        if file.is_file()
    }


def changed(store_at: Path, before: dict[str, tuple[int, int]]) -> set[str]:
    return {name for name, which in written(store_at).items() if before.get(name) != which}


ALWAYS = {"board.json", OUTPUTS}


def test_the_same_board_again_makes_nothing_again(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    first = packed(store, plan, outcomes)
    before = written(tmp_path)

    second = packed(store, plan, outcomes)

    assert changed(tmp_path, before) <= ALWAYS
    assert {"film.mp4", "timeline.otioz", "thumbnail.jpg", "dailies.html"} <= before.keys()
    assert second == first


def test_each_output_names_what_it_was_made_from(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    package = packed(store, plan, outcomes)

    outputs = json.loads((tmp_path / FOLDER / OUTPUTS).read_text())["outputs"]

    assert outputs.keys() == package.links.keys() - ALWAYS
    for name, facts in outputs.items():
        file = tmp_path / FOLDER / name
        assert (facts["sha256"], facts["size_bytes"]) == (sha256_of(file), file.stat().st_size)
        for shot, outcome in outcomes.items():
            assert outcome.response is not None
            assert facts["made_from"][f"clip {shot}"] == outcome.response.sha256


@pytest.mark.parametrize(
    ("changes", "film", "again", "stays"),
    [
        (FILM | {"dialogue": "Who let it?"}, {}, {"film.mp4", "subtitles.en.srt"}, {"thumbnail.jpg"}),
        (FILM | {"transition": "dissolve"}, {"transitions": True}, {"film.mp4", "timeline.xml"}, set[str]()),
        (FILM | {"notes": "dawn"}, {}, {"timeline.otioz"}, {"film.mp4", "thumbnail.jpg", "subtitles.en.vtt"}),
        (FILM, {"media_root": "/Volumes/films"}, {"timeline.xml"}, {"film.mp4", "timeline.edl"}),
    ],
)
def test_a_change_makes_anew_what_it_is_in(
    changes: dict[str, Any], film: dict[str, Any], again: set[str], stays: set[str], tmp_path: Path
):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    packed(store, plan, outcomes)
    before = written(tmp_path)

    packed(store, two(changes, **film), outcomes)

    new = changed(tmp_path, before)
    assert again <= new
    assert not stays & new


def test_another_clip_makes_another_film(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    packed(store, plan, clips_of(tmp_path, plan))
    before = written(tmp_path)

    packed(store, plan, clips_of(tmp_path, plan, colour=(250, 250, 0)))

    assert {"film.mp4", "timeline.otioz", "thumbnail.jpg", "film.labels.json"} <= changed(tmp_path, before)


@pytest.mark.parametrize(
    "name", ["film.mp4", "film.labels.json", "timeline.otioz", "thumbnails.jpg", "timeline.edl"]
)
@pytest.mark.parametrize("damaged", [True, False])
def test_a_file_that_is_damaged_or_gone_is_made_again(name: str, damaged: bool, tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    packed(store, plan, outcomes)
    file = tmp_path / FOLDER / name
    whole = file.read_bytes()
    file.unlink()
    if damaged:
        file.write_bytes(bytes(len(whole)))

    packed(store, plan, outcomes)

    assert file.exists()
    assert file.read_bytes()[:4] == whole[:4]


def test_what_is_no_longer_made_is_removed_and_nothing_else(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    packed(store, plan, outcomes)
    (tmp_path / FOLDER / "mine.txt").write_text("a note of somebody")
    assert (tmp_path / FOLDER / "subtitles.en.vtt").exists()

    package = packed(store, two({"title": "One"}, thumbnail=False), outcomes)

    left = set(written(tmp_path))
    assert not {"subtitles.en.vtt", "subtitles.en.srt", "thumbnail.jpg", "thumbnails.jpg"} & left
    assert left == package.links.keys() | {"mine.txt"}


def test_a_film_that_cannot_be_made_now_leaves_the_last_one(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    packed(store, plan, outcomes)
    before = written(tmp_path)
    broken = outcomes["b"].response
    assert broken is not None
    (tmp_path / f"videos/{broken.key}.mp4").write_bytes(b"no video")
    torn = {**outcomes, "b": replace(outcomes["b"], response=broken.model_copy(update={"sha256": "0" * 64}))}

    package = packed(store, plan, torn)

    assert package.film is None
    assert "film.mp4" not in package.links
    assert not {"film.mp4", "film.labels.json", "thumbnail.jpg"} & changed(tmp_path, before)
    assert {"film.mp4", "film.labels.json", "thumbnail.jpg", "subtitles.en.srt"} <= written(tmp_path).keys()


def test_a_clip_that_is_not_there_is_named(tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    gone = outcomes["b"].response
    assert gone is not None
    (tmp_path / f"videos/{gone.key}.mp4").unlink()

    with pytest.raises(StorageProblem, match=f"{gone.key}.mp4: it is not there"):
        packed(store, plan, outcomes)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"labels": {}, "words": 7},
        {"report": 5},
        None,
    ],
)
def test_a_film_of_which_nonsense_is_kept_is_made_again(facts: Any, tmp_path: Path):
    store, plan = open_store(str(tmp_path)), two()
    outcomes = clips_of(tmp_path, plan)
    first = packed(store, plan, outcomes)
    path = tmp_path / FOLDER / OUTPUTS
    outputs = json.loads(path.read_text())
    if facts is not None:
        outputs["outputs"]["film.mp4"]["facts"] = facts
    else:
        labels = tmp_path / FOLDER / "film.labels.json"
        labels.write_text('{"film": {"marks": {"aigc": [7]}, "warnings": []}, "clips": []}')
        outputs["outputs"]["film.labels.json"]["sha256"] = sha256_of(labels)
    path.write_text(json.dumps(outputs))

    assert packed(store, plan, outcomes) == first


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"outputs": 7}',
        '{"outputs": {"../../videos/x.mp4": {"sha256": "'
        + "0" * 64
        + '", "size_bytes": 1, "made_from": {}}}}',
    ],
)
def test_a_list_of_outputs_that_is_none_removes_nothing(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / OUTPUTS).write_text(text)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/x.mp4").write_bytes(b"paid for")

    with caplog.at_level(logging.WARNING):
        outputs = Outputs(open_store(str(tmp_path)), FOLDER)
        outputs.put("a.txt", b"a", {})
        outputs.finish()

    assert (tmp_path / "videos/x.mp4").read_bytes() == b"paid for"
    assert "is written anew" in caplog.text


def test_clips_of_a_folder_are_used_where_they_lie(tmp_path: Path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/k.mp4").write_bytes(b"clip")
    clips = LocalClips(open_store(str(tmp_path)), {"a": "videos/k.mp4"}, tmp_path / "scratch")

    assert clips["a"] == tmp_path / "videos/k.mp4"
    assert not clips.is_copy(clips["a"])
    clips.drop()
    assert clips["a"].read_bytes() == b"clip"


@pytest.mark.slow
@pytest.mark.s3
def test_clips_of_a_bucket_take_the_disk_only_as_long_as_they_are_needed(tmp_path: Path):
    with seaweed(tmp_path) as options:
        store = open_store("s3://bucket/outputs", options)
        plan = two()
        made = tmp_path / "made"
        made.mkdir()
        outcomes = clips_of(made, plan)
        for file in (made / "videos").iterdir():
            store.create_file(f"videos/{file.name}", file)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        paths = {shot: f"videos/{o.response.key}.mp4" for shot, o in outcomes.items() if o.response}
        clips = LocalClips(store, paths, scratch)

        media.join([*clips.values()], tmp_path / "film.mp4", copies=[*filter(clips.is_copy, clips.values())])
        assert list(scratch.iterdir()) == []
        assert clips["a"].read_bytes() == (made / paths["a"]).read_bytes()

        clips.drop()
        assert "a" in clips
        assert list(scratch.iterdir()) == []

        package = packed(store, plan, outcomes)
        assert {"film.mp4", "timeline.otioz", "thumbnail.jpg"} <= package.links.keys()


def test_a_clip_that_is_shown_twice_is_deleted_when_it_was_read_twice(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", audio=True)
    other = make_clip(tmp_path / "other.mp4", audio=True)

    media.join([clip, other, clip], tmp_path / "film.mp4", copies=[clip])

    assert media.inspect(tmp_path / "film.mp4").frames == 72
    assert not clip.exists()
    assert other.exists()
