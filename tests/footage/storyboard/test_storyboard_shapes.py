"""Films of sizes that a board asks for: shots of every shape are in them, and none is distorted."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import av
import pytest
from boards import board, delivered, no_links, planned
from clips import make_clip
from filmboards import FOLDER, film
from filmboards import make_film as make_board
from labels import CODE, WAN_LIKE, label_by_ffmpeg, labelled, packets
from PIL import Image

from footage.context import Context
from footage.errors import InvalidRequest
from footage.marks import Labelling
from footage.marks.visible_label import draw_visible_label
from footage.media import conform, inspect, join, thumbnail
from footage.storage import Store, open_store
from footage.storyboard import Budget, Ledger, ShotOutcome, read_board
from footage.storyboard.board_marks import board_reports
from footage.storyboard.film import make_film
from footage.storyboard.package import make_package
from footage.storyboard.plan import BoardPlan, plan_board

WIDE, HIGH = (832, 480), (480, 832)


def wide_and_high(
    folder: Path, frames: int = 12, *, of_a: dict[str, Any] | None = None, **fields: Any
) -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, Path]]:
    """A wide shot a and a high shot b, delivered; each a blue picture with a red bar a fifth as wide as itself."""
    sizes = {"a": WIDE, "b": HIGH}
    plan = planned(
        {"id": "a", "size": "832*480", "dialogue": "Who lit it?"} | (of_a or {}),
        {"id": "b", "size": "480*832", "seed": 2},
        **fields,
    )
    files: dict[str, Path] = {}
    outcomes: dict[str, ShotOutcome] = {}
    for name, size in sizes.items():
        files[name] = make_clip(
            folder / f"{name}.mp4", size=size, fps=30, seconds=frames / 30, picture="still", audio=name == "b"
        )
        outcomes[name] = delivered(plan.shot(name), duration=frames / 30, audio=name == "b")
    return plan, outcomes, files


def store_of(folder: Path, outcomes: dict[str, ShotOutcome], files: dict[str, Path]) -> Store:
    """A store that has the clips."""
    store = open_store(str(folder))
    for shot_id, outcome in outcomes.items():
        assert outcome.response is not None
        store.create_file(f"videos/{outcome.response.key}.mp4", files[shot_id])
    return store


def pictures(file: Path) -> list[Image.Image]:
    with av.open(str(file)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def runs(picture: Image.Image, *, across: bool = True) -> list[tuple[str, int]]:
    """The colours that a line through the middle goes through, and for how many pixels."""
    width, height = picture.size
    line = [
        picture.getpixel((n, height // 2) if across else (width // 2, n))
        for n in range(width if across else height)
    ]
    colours = [_colour(cast("tuple[int, int, int]", pixel)) for pixel in line]
    return [(colour, len(list(same))) for colour, same in groupby(colours)]


def _colour(pixel: tuple[int, int, int]) -> str:
    if max(pixel) < 25:
        return "black"
    return "red" if pixel[0] > pixel[2] else "blue"


def shown(picture: Image.Image, *, across: bool = True) -> list[tuple[str, int]]:
    """The same without the pixels in which two colours mix."""
    return [(colour, length) for colour, length in runs(picture, across=across) if length > 4]


def brightness(picture: Image.Image, at: tuple[int, int]) -> int:
    return cast("int", picture.convert("L").getpixel(at))


def close_to(*wanted: tuple[str, float]) -> list[tuple[str, Any]]:
    return [(colour, pytest.approx(length, abs=4)) for colour, length in wanted]


# A picture has its bar from 24 % to 44 % of its width.
AS_WIDE_AS_320 = [("blue", 77), ("red", 64), ("blue", 179)]
AS_WIDE_AS_180 = [("blue", 43), ("red", 36), ("blue", 101)]


@pytest.mark.parametrize(
    ("size", "fit", "of_a", "of_b", "rows_of_a"),
    [
        # b is 104 of 320 wide.
        (
            "320*180", "pad", AS_WIDE_AS_320,
            [("black", 108), ("blue", 25), ("red", 21), ("blue", 58), ("black", 108)],
            [("blue", 180)],
        ),
        # b is as wide as the film, and most of its 555 rows are cut.
        ("320*180", "crop", AS_WIDE_AS_320, AS_WIDE_AS_320, [("blue", 180)]),
        # a is 104 of 320 high.
        ("180*320", "pad", AS_WIDE_AS_180, AS_WIDE_AS_180, [("black", 108), ("blue", 104), ("black", 108)]),
        # a is 555 wide, and 187 are cut on each side: the bar from 133 to 244 begins before the film.
        ("180*320", "crop", [("red", 57), ("blue", 123)], AS_WIDE_AS_180, [("blue", 320)]),
    ],
)  # fmt: skip
def test_every_shot_is_in_a_film_of_the_asked_size_and_keeps_its_shape(
    size: str,
    fit: str,
    of_a: list[tuple[str, float]],
    of_b: list[tuple[str, float]],
    rows_of_a: list[tuple[str, float]],
    tmp_path: Path,
):
    plan, outcomes, files = wide_and_high(tmp_path, film={"size": size, "fit": fit})

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    assert (film.included, dict(film.left_out)) == (("a", "b"), {})
    facts = inspect(tmp_path / "film.mp4")
    assert (f"{facts.width}*{facts.height}", facts.frames, facts.problems) == (size, 24, ())
    first, *_, last = pictures(tmp_path / "film.mp4")
    assert shown(first) == close_to(*of_a)
    assert shown(last) == close_to(*of_b)
    assert shown(first, across=False) == close_to(*rows_of_a)


def test_shots_that_go_into_each_other_are_fitted_too(tmp_path: Path):
    into_b = {"transition": {"kind": "dissolve", "seconds": 0.2}}
    plan, outcomes, files = wide_and_high(
        tmp_path, 20, of_a=into_b, film={"size": "320*180", "transitions": True}
    )

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    frames = pictures(tmp_path / "film.mp4")
    assert len(frames) == 40 - 6
    assert shown(frames[0]) == close_to(*AS_WIDE_AS_320)
    assert [colour for colour, _ in shown(frames[-1])] == ["black", "blue", "red", "blue", "black"]
    # In the middle of the dissolve the wide shot still shows where the high one has its black bars.
    left = [brightness(frame, (20, 90)) for frame in (frames[0], frames[17], frames[-1])]
    assert left[0] > left[1] > left[2] + 20


def test_of_one_board_a_wide_and_a_high_film_have_the_same_length_words_and_label(tmp_path: Path):
    plan, outcomes, files = wide_and_high(
        tmp_path,
        film={"size": ["640*360", "360*640"], "fit": "crop", "visible_label": "own", "thumbnail": True},
    )
    files["b"] = labelled(files["b"], tmp_path / "labelled.mp4", WAN_LIKE)
    store = store_of(tmp_path / "store", outcomes, files)

    package = make_package(store, plan, outcomes, Ledger(Budget()).statement())

    folder = tmp_path / "store" / "storyboards" / package.folder_url.rsplit("/", 1)[-1]
    films = {"film.mp4": (640, 360), "film.360x640.mp4": (360, 640)}
    for name, size in films.items():
        facts = inspect(folder / name)
        assert ((facts.width, facts.height), facts.frames, facts.problems) == (size, 24, ())
        assert label_by_ffmpeg(folder / name) == WAN_LIKE.encode()
        with av.open(str(folder / name)) as film:
            titles = [cast("Any", chapter)["metadata"]["title"] for chapter in film.chapters()]
            assert (titles, [stream.language for stream in film.streams.subtitles]) == (["a", "b"], ["eng"])
            assert float(film.streams.audio[0].duration or 0) == 24 * 1600
        label, left, top = draw_visible_label(*size)
        corner = pictures(folder / name)[0].crop((left, top, left + label.width, top + label.height))
        assert cast("int", corner.convert("L").getextrema()[1]) > 200
        assert name in package.links
    report = json.loads((folder / "report.json").read_bytes())
    assert list(report["further_films"]) == ["film.360x640.mp4"]
    assert report["further_films"]["film.360x640.mp4"]["included"] == report["film"]["included"] == ["a", "b"]
    assert "film.360x640.mp4" in (folder / "dailies.html").read_text()


def test_films_of_two_sizes_have_numbers_of_their_own(tmp_path: Path):
    plan, outcomes, files = wide_and_high(tmp_path, film={"size": ["640*360", "360*640"]})
    store = store_of(tmp_path / "store", outcomes, files)

    def numbers() -> list[str]:
        package = make_package(store, plan, outcomes, Ledger(Budget()).statement(), labelling=Labelling(CODE))
        folder = tmp_path / "store" / "storyboards" / package.folder_url.rsplit("/", 1)[-1]
        labels = [label_by_ffmpeg(folder / name) or b"" for name in ("film.mp4", "film.360x640.mp4")]
        return [json.loads(label)["ProduceID"] for label in labels]

    first = numbers()
    assert first[0] != first[1]
    assert numbers() == first


def test_another_list_of_sizes_makes_what_is_new_and_removes_what_is_not_asked_for_any_more(tmp_path: Path):
    def made_at(*sizes: str) -> dict[str, int]:
        plan, _, _ = wide_and_high(clips, film={"size": list(sizes), "fit": "crop"})
        make_package(store, plan, outcomes, Ledger(Budget()).statement())
        films = (tmp_path / "store/storyboards/storyboard").glob("film.*mp4")
        return {file.name: file.stat().st_mtime_ns for file in films}

    clips = tmp_path / "clips"
    clips.mkdir()
    _, outcomes, files = wide_and_high(clips, film={"size": "320*180"})
    store = store_of(tmp_path / "store", outcomes, files)

    first = made_at("320*180", "180*320")
    again = made_at("320*180", "180*320")
    other = made_at("320*180", "240*240")

    assert first.keys() == {"film.mp4", "film.180x320.mp4"}
    assert again == first
    assert other.keys() == {"film.mp4", "film.240x240.mp4"}
    assert other["film.mp4"] == first["film.mp4"]
    assert not store.exists("storyboards/storyboard/film.180x320.labels.json")


def test_a_film_of_a_further_size_that_cannot_be_made_is_told_and_the_first_one_is_there(tmp_path: Path):
    plan, outcomes, files = wide_and_high(tmp_path, film={"size": "320*180"})
    store = store_of(tmp_path / "store", outcomes, files)
    # Its pictures have no whole pairs of pixels, which no board can ask for.
    odd = replace(plan, further_formats=(replace(plan.format, width=321),))

    package = make_package(store, odd, outcomes, Ledger(Budget()).statement())

    assert package.film is not None
    assert {"film.mp4", "film.labels.json"} <= package.links.keys()
    assert "film.321x180.mp4" not in package.links
    folder = package.folder_url.rsplit("/", 1)[-1]
    assert "No film.321x180.mp4: " in store.read(f"storyboards/{folder}/dailies.html").decode()


async def test_the_marks_of_a_board_are_those_of_all_its_films(context: Context) -> None:
    shots = [{"id": "a", "size": "832*480"}, {"id": "b", "size": "480*832", "seed": 2}]

    await make_board(context, film(*shots, film={"size": ["320*180", "180*320"]}))

    reports = board_reports(context.store, FOLDER)
    assert [Path(report.name).name for report in reports[:2]] == ["film.mp4", "film.180x320.mp4"]
    assert [(len(report.marks.labels), report.lost) for report in reports[:2]] == [(1, ())] * 2
    # Left by a run that was killed before it wrote down what it had made.
    for name in ("film.100x100.mp4", "film.100x100.labels.json"):
        context.store.replace(f"{FOLDER}/{name}", b"{}")
    assert len(board_reports(context.store, FOLDER)) == len(reports)
    bare = make_clip(Path(context.settings.output_dir) / "bare.mp4", seconds=0.2)
    context.store.replace_file(f"{FOLDER}/film.180x320.mp4", bare)
    assert [bool(report.lost) for report in board_reports(context.store, FOLDER)] == [
        False,
        True,
        False,
        False,
    ]


def test_of_fitted_shots_and_others_the_others_are_copied_where_they_are_alike(tmp_path: Path):
    raw = make_clip(tmp_path / "raw.mp4", size=(320, 180), fps=30, seconds=0.4)
    # As this program encodes them.
    conform(raw, tmp_path / "a.mp4", fps=30)
    high = make_clip(tmp_path / "b.mp4", size=(180, 320), fps=30, seconds=0.4)

    joined = join(
        [tmp_path / "a.mp4", high],
        tmp_path / "film.mp4",
        fps=Fraction(30),
        size=(320, 180),
        convert={1: "pad"},
    )

    assert joined.encoded == ()
    assert packets(tmp_path / "film.mp4")[0].startswith(packets(tmp_path / "a.mp4")[0])
    assert inspect(tmp_path / "film.mp4").frames == 24


def test_a_first_clip_of_another_rate_does_not_change_the_films(tmp_path: Path):
    clips = [
        make_clip(tmp_path / "a.mp4", size=(180, 320), fps=24, seconds=0.5),
        make_clip(tmp_path / "b.mp4", size=(320, 180), fps=30, seconds=0.5),
    ]

    join(clips, tmp_path / "film.mp4", fps=Fraction(30), size=(320, 180), convert={0: "pad"})

    facts = inspect(tmp_path / "film.mp4")
    assert (facts.width, facts.height, facts.fps, facts.frames) == (320, 180, 30, 30)


def test_a_size_that_most_clips_have_copies_them_when_no_other_is_there(tmp_path: Path):
    plan = planned(
        *({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("ab")), film={"size": "832*480"}
    )
    files = {name: make_clip(tmp_path / f"{name}.mp4", size=WIDE, fps=30, seconds=0.2) for name in "ab"}
    outcomes = {name: delivered(plan.shot(name), duration=0.2) for name in "ab"}

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    assert (film.copied, film.converted) == (True, ())
    assert packets(tmp_path / "film.mp4")[0] == b"".join(packets(files[name])[0] for name in "ab")


def test_black_bars_do_not_make_a_frame_the_thumbnail(tmp_path: Path):
    ground = (40, 90, 160)
    flat = make_clip(tmp_path / "b.mp4", size=(180, 320), seconds=0.2, picture="still", colour=ground)
    drawn = make_clip(tmp_path / "a.mp4", seconds=0.2, picture="still", colour=(80, 120, 180))

    assert thumbnail([flat, drawn], tmp_path / "t.jpg", tmp_path / "s.jpg", label=None)

    with Image.open(tmp_path / "t.jpg") as chosen:
        assert brightness(chosen, (5, 360)) > 50


def test_sizes_of_nearly_one_shape_have_no_bars(tmp_path: Path):
    plan, outcomes, files = wide_and_high(tmp_path, film={"size": "320*180", "fit": "pad"})

    make_film(plan, outcomes, files, tmp_path / "film.mp4")

    # 832*480 is 2.5 % higher than 320*180.
    first = pictures(tmp_path / "film.mp4")[0]
    assert brightness(first, (0, 90)) > 50
    assert brightness(first, (319, 90)) > 50


def test_without_a_size_a_shot_of_another_shape_is_left_out_with_a_warning_that_names_the_way():
    shots = [{"id": "a", "size": "832*480"}, {"id": "b", "size": "480*832", "seed": 2}]

    (left_out,) = planned(*shots).warnings
    assert "(b)" in left_out
    assert "left out" in left_out
    assert "film: {size: 832*480, fit: pad}" in left_out
    (fitted,) = planned(*shots, film={"size": "832*480", "fit": "crop"}).warnings
    assert "(b)" in fitted
    assert "left out" not in fitted


def test_a_film_of_a_size_has_the_rate_that_most_shots_have():
    shots = [{"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("ab")]

    assert (
        str(planned(*shots, film={"size": "1920x1080"}).format)
        == f"1920*1080 at {planned(*shots).format.fps} fps"
    )


@pytest.mark.parametrize(
    ("film", "field", "says"),
    [
        ({"size": "1281*720"}, "film.size", "even numbers from 128 to 4096"),
        ({"size": "64*64"}, "film.size", "even numbers from 128 to 4096"),
        ({"size": "4096*4096"}, "film.size", "4096*2304 pixels"),
        ({"size": "720p"}, "film.size", "write width*height such as 1280*720"),
        ({"size": 1280}, "film.size", "write width*height"),
        ({"size": []}, "film.size", "write 1 to 6"),
        ({"size": ["1280*720", "1280x720"]}, "film.size", "stands twice"),
        ({"size": ["1280*720", 7]}, "film.size", "size 2 of them: write width*height"),
        ({"size": "1281*720", "fit": "pad"}, "film.size", "even numbers"),
        ({"size": "1280*720", "fit": "stretch"}, "film.fit", "'pad' or 'crop'"),
        ({"fit": "pad"}, "film.fit", "write size"),
        ({"media_root": "films/mill"}, "film.media_root", "whole path"),
        ({"media_root": ""}, "film.media_root", "whole path"),
        ({"media_root": "~/films"}, "film.media_root", "whole path"),
        ({"media_root": "https://cdn.example/films"}, "film.media_root", "whole path"),
        ({"media_root": "file://ana:pass@server/films"}, "film.media_root", "whole path"),
        ({"media_root": "//server"}, "film.media_root", "whole path"),
        ({"media_root": "/a\nb"}, "film.media_root", "whole path"),
    ],
)
def test_a_size_or_a_folder_that_cannot_be_refuses_the_board_with_one_error(
    film: dict[str, Any], field: str, says: str
):
    with pytest.raises(InvalidRequest) as refused:
        plan_board(board({"id": "a"}, film=film), no_links)

    (problem,) = refused.value.problems
    assert problem.field == field
    assert says in problem.message


@pytest.mark.parametrize("size", ["1280*720", ["1280*720", "720*1280"]])
def test_a_board_that_is_written_down_has_the_sizes_it_was_read_with(size: object):
    written = planned({"id": "a"}, film={"size": size, "fit": "crop"}).board.model_dump(
        mode="json", by_alias=True
    )

    assert written["film"] == {"size": size, "fit": "crop"}
    assert (
        read_board(written).board.film == planned({"id": "a"}, film={"size": size, "fit": "crop"}).board.film
    )
