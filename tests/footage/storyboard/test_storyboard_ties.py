"""How shots are tied: by what each model can do, and told where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filmboards import plain_crew
from pictures import BLUE, picture

from footage.catalogue import SWITCHES
from footage.context import Context
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.steps.check import reference_fetcher
from footage.steps.model_survey import survey_models
from footage.storyboard import Budget, Ledger, plan_board
from footage.storyboard.board import Board
from footage.storyboard.plan import BoardPlan
from footage.storyboard.production import produce
from footage.storyboard.read import read_board

ALL, R2V, I2V, SEVEN = "wan3.0-video", "wan2.7-r2v", "wan2.7-i2v", "wan2.6-i2v-flash"


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCHES, f"+{ALL},+{R2V},+{I2V}")


@pytest.fixture(autouse=True)
def _quick(emulator: Emulator) -> Iterator[None]:
    """A chain of eight waits for eight clips."""
    emulator.turn(generation_s=5.0)
    yield
    emulator.turn(generation_s=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ella.png").write_bytes(picture(640, 360))
    (tmp_path / "tom.png").write_bytes(picture(640, 360, BLUE))
    return tmp_path


PEOPLE: dict[str, Any] = {"Ella": {"image": "ella.png"}, "Tom": {"image": "tom.png"}}


def board(folder: Path, model: str, *shots: dict[str, Any], **more: Any) -> Board:
    document = {
        "schema": "wan-video/storyboard/1",
        "defaults": {"model": model, "duration": 5, "prompt": "they walk"},
        "characters": PEOPLE,
        "shots": list(shots),
        **more,
    }
    return read_board(document, base=folder).board


def eight(folder: Path, model: str) -> Board:
    """Two characters over eight shots, each of which goes on from the one before."""
    shots: list[dict[str, Any]] = [
        {
            "id": str(number),
            "prompt": f"beat {number}",
            "characters": ["Ella", "Tom"] if number % 2 else ["Ella"],
            "start_from": "prev_clip" if number == 5 else "prev_last_frame",
        }
        for number in range(2, 9)
    ]
    first = {"id": "1", "prompt": "beat 1", "characters": ["Ella", "Tom"], "reference_image": "ella.png"}
    document = {
        "schema": "wan-video/storyboard/1",
        "defaults": {"model": model, "duration": 2, "size": "1280*720"},
        "characters": PEOPLE,
        "shots": [first, *shots],
    }
    return read_board(document, base=folder).board


def planned(made: Board) -> BoardPlan:
    def nothing(url: str, max_bytes: int = 0) -> bytes:
        raise AssertionError(f"nothing here should fetch {url}, up to {max_bytes} bytes")

    return plan_board(made, nothing)


@pytest.mark.slow
async def test_two_characters_over_eight_shots_are_references_where_the_model_takes_some(
    context: Context, emulator: Emulator, folder: Path
):
    plan = plan_board(eight(folder, ALL), reference_fetcher(context))
    before = len(emulator.tasks())

    outcomes = await produce(context, plan, Ledger(Budget(currency="CNY")), plain_crew(context))

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    sent = {}
    for task in emulator.tasks()[before:]:
        given = task["body"]["input"]
        sent[given["prompt"][-1]] = (given["prompt"], [item["type"] for item in given["media"]])
    people = "Ella is Image 1. Tom is Image 2."
    assert sent["1"] == ("beat 1", ["first_frame"])
    assert sent["2"] == ("Ella is Image 1. beat 2", ["reference_image"])
    assert sent["3"] == (f"{people} beat 3", ["reference_image"] * 2)
    assert sent["5"] == (f"Extend Video 1: {people} beat 5", ["reference_video", *["reference_image"] * 2])
    ties = {shot.id: shot.tied_by for shot in plan.shots}
    assert ties["1"].startswith("a first frame of its own (wan3.0-video takes a first frame or references")
    assert ties["3"].startswith("references: Ella, Tom (")
    assert ties["5"] == "goes on from the clip of 4 and references: Ella, Tom"


@pytest.mark.slow
async def test_the_same_board_on_one_of_the_seven_is_a_chain_of_last_frames(
    context: Context, emulator: Emulator, folder: Path
):
    plan = plan_board(eight(folder, SEVEN), reference_fetcher(context))
    before = len(emulator.tasks())

    outcomes = await produce(context, plan, Ledger(Budget(currency="CNY")), plain_crew(context))

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    bodies = [task["body"]["input"] for task in emulator.tasks()[before:]]
    assert len(bodies) == 8
    assert all("img_url" in given and "media" not in given for given in bodies)
    assert {given["prompt"] for given in bodies} == {f"beat {number}" for number in range(1, 9)}
    ties = {shot.id: shot.tied_by for shot in plan.shots}
    assert ties["3"] == f"the last frame of 2 ({SEVEN} takes no references, so Ella, Tom are not sent)"
    assert "does not go on from a clip" in ties["5"]


@pytest.mark.parametrize(
    ("model", "shot", "tied_by", "fields"),
    [
        (ALL, {"start_from": "shot:1"}, "the last frame of 1", {}),
        (ALL, {"start_from": "clip:1"}, "goes on from the clip of 1", {}),
        # The film would show the clip twice.
        (
            I2V,
            {"start_from": "clip:1"},
            f"the last frame of 1 (what {I2V} makes begins with the clip again)",
            {},
        ),
        (
            ALL,
            {"start_from": "clip:1", "duration": 26},
            "the last frame of 1 (the clip of 1 is too long for that)",
            {},
        ),
        (
            I2V,
            {"start_from": "shot:1", "last_frame": "tom.png"},
            "the last frame of 1 and a last frame of its own",
            {"last_frame": True},
        ),
        (
            SEVEN,
            {"start_from": "shot:1", "last_frame": "tom.png"},
            f"the last frame of 1 ({SEVEN} takes no last frame, so it ends as it likes)",
            {"last_frame": False},
        ),
        # A first frame beside references: this one can both.
        (
            R2V,
            {"start_from": "shot:1", "characters": ["Ella"]},
            "the last frame of 1 and references: Ella",
            {"references": True},
        ),
    ],
)
def test_a_tie_is_what_the_model_can_do(
    folder: Path, model: str, shot: dict[str, Any], tied_by: str, fields: dict[str, bool]
):
    first = {"id": "1", "model": "wan2.2-t2v-plus", "size": "832*480"}

    plan = planned(board(folder, model, first, {"id": "2", **shot}))

    take = plan.shot("2")
    assert take.tied_by == tied_by
    assert {name: bool(getattr(take.request, name)) for name in fields} == fields


@pytest.mark.parametrize(
    ("shot", "said"),
    [
        ({"characters": ["Elle"]}, "shots[2].characters = 'Elle': There is no such character"),
        ({"characters": ["Ella", "Ella"]}, "named twice"),
        ({"characters": ["Ella"], "references": ["image=tom.png"]}, "not both"),
        ({"duration": -1}, "shots[2].duration = -1: A shot of a film needs a length"),
        ({"start_from": "clip:9"}, "There is no shot '9'"),
        (
            {"start_from": "shot:1", "last_frame": "tom.png", "model": SEVEN, "strict": True},
            "takes no last frame",
        ),
    ],
)
def test_a_tie_that_cannot_be_meant_is_refused(folder: Path, shot: dict[str, Any], said: str):
    first = {"id": "1", "model": "wan2.2-t2v-plus", "size": "832*480"}

    with pytest.raises(InvalidRequest) as caught:
        planned(board(folder, ALL, first, {"id": "2", **shot}))

    assert said in str(caught.value)


def test_paths_of_media_are_relative_to_the_board(folder: Path):
    shot = {"id": "1", "references": ["image=tom.png", {"voice": "voices/tom.wav"}], "last_frame": "ella.png"}

    made = board(folder, ALL, shot)

    (only,) = made.shots
    assert only.request["references"] == [f"image={folder}/tom.png", {"voice": f"{folder}/voices/tom.wav"}]
    assert only.request["last_frame"] == f"{folder}/ella.png"
    assert made.characters["Ella"].image == f"{folder}/ella.png"


@pytest.mark.parametrize("notes", [["Ella", "Tom"], {"Ella": "the keeper"}, {"Ella": {"age": 40}}, "Ella"])
def test_notes_about_people_stay_notes(folder: Path, notes: Any):
    shot = {"id": "1", "model": "wan2.2-t2v-plus", "size": "832*480", "characters": ["Ella"]}

    made = board(folder, ALL, shot, characters=notes)

    assert made.characters == {}
    assert made.metadata == {"characters": notes}
    assert made.shots[0].metadata == {"characters": ["Ella"]}


def test_one_character_needs_no_list(folder: Path):
    made = board(folder, ALL, {"id": "1", "characters": "Ella"})

    assert made.shots[0].characters == ("Ella",)


def test_a_board_with_characters_reads_back_as_it_was(folder: Path):
    made = board(folder, ALL, {"id": "1", "characters": ["Ella"]}, {"id": "2", "start_from": "clip:1"})

    again: Callable[..., Board] = Board.model_validate
    assert again(made.model_dump(mode="json", by_alias=True)) == made


@pytest.mark.slow
async def test_a_board_goes_on_at_the_pace_of_a_model_that_stops_and_afterwards_loses_nothing(
    context: Context, emulator: Emulator
):
    model = "wan2.2-t2v-plus"
    shots = [{"id": str(number), "take": number} for number in range(1, 4)]
    document: dict[str, Any] = {
        "schema": "wan-video/storyboard/1",
        "defaults": {"model": model, "size": "832*480", "prompt": "a boat"},
        "shots": shots,
    }
    budget = Budget(currency="CNY")
    emulator.turn(retiring=[model], retiring_limit=1, offline_time="2099-12-31 00:00:00")
    try:
        told = survey_models(context, "cn-beijing").notices
        made = await produce(
            context, planned(read_board(document).board), Ledger(budget), plain_crew(context)
        )
        emulator.turn(retired=True)
        more = document | {"shots": [*shots, {"id": "4", "take": 4}]}
        after = await produce(context, planned(read_board(more).board), Ledger(budget), plain_crew(context))
    finally:
        emulator.turn(retiring=None, retiring_limit=None, offline_time=None, retired=False)

    assert [
        notice.in_words().startswith(f"{model} in cn-beijing stops on 2099-12-31") for notice in told
    ] == [True]
    assert {outcome.state for outcome in made.values()} == {"delivered"}
    assert emulator.ledger()["most_running"][model] == 1
    assert {shot_id: outcome.state for shot_id, outcome in after.items()} == {
        "1": "delivered", "2": "delivered", "3": "delivered", "4": "failed",
    }  # fmt: skip
    assert "is gone" in (after["4"].reason or "")
    assert "wan2.7-t2v" in (after["4"].command or "")
