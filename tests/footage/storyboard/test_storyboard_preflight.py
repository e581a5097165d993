"""Nothing of a board may fail for the first time when its shots are paid for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from boards import all_delivered, planned

from footage.context import open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import BuyingStopped, FootageError, InvalidRequest, StorageProblem
from footage.settings import Settings, load_settings
from footage.spending.stop_switch import stop_buying
from footage.storyboard import Budget, Ledger, plan_board, read_board
from footage.storyboard.board_quote import quote_of
from footage.storyboard.crew import Crew
from footage.storyboard.plan import BoardPlan
from footage.storyboard.preflight import preflight
from footage.storyboard.production import produce
from footage.storyboard.store_limits import limits_in_words
from footage.storyboard.timeline import timeline_otio

_HERE = Path(__file__).parent / "hostile"


def with_metadata(plan: BoardPlan, number: int, metadata: dict[str, Any]) -> BoardPlan:
    """The plan with something in a shot that no reader would let through."""
    shot = plan.shots[number]
    broken = replace(shot, shot=shot.shot.model_copy(update={"metadata": metadata}))
    shots = tuple(broken if old is shot else old for old in plan.shots)
    board = plan.board.model_copy(update={"shots": tuple(planned.shot for planned in shots)})
    return replace(plan, board=board, shots=shots)


def test_an_id_of_64_bits_in_foreign_metadata_becomes_text_in_the_timeline() -> None:
    plan = plan_board(read_board(_HERE / "b11.json").board, lambda url: b"")

    preflight(plan)
    text = timeline_otio(plan, all_delivered(plan), {"a": "../../videos/a.mp4"}).decode()

    (clip,) = otio.adapters.read_from_string(text, "otio_json").find_clips()
    assert clip.metadata["wan_video"]["metadata"]["asset_hash"] == "9223372036854775808"


@pytest.mark.parametrize(
    ("metadata", "document"),
    [
        ({"a": b"\xff\xff"}, "board.json"),
        ({"a": object()}, "board.json"),
        ({"a": "half \ud800"}, "board.json"),
    ],
)
def test_what_no_document_can_hold_is_named_with_its_shot(metadata: dict[str, Any], document: str) -> None:
    plan = with_metadata(planned({"id": "a"}, {"id": "b", "take": 2}), 1, metadata)

    with pytest.raises(InvalidRequest) as caught:
        preflight(plan)

    assert [problem.field for problem in caught.value.problems] == ["shots[b]"]
    assert document in caught.value.message


@pytest.mark.parametrize("damage", ["a board that cannot be cut", "a store that takes nothing"])
async def test_such_a_board_or_store_is_refused_before_the_first_shot_is_bought(
    damage: str, tmp_path: Path
) -> None:
    plan = planned({"id": "a"}, {"id": "b", "take": 2})
    wanted: type[FootageError] = StorageProblem
    if damage == "a board that cannot be cut":
        plan, wanted = with_metadata(plan, 1, {"a": b"\xff\xff"}), InvalidRequest
    with Emulator(speed=200, render="tiny") as emulator:
        settings = Settings(output_dir=str(tmp_path), http_base_url=emulator.base_url)
        context = open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test"))
        if wanted is StorageProblem:
            # A file where the boards' folder has to be.
            folder = Path(context.store.url.removeprefix("file://")) / "storyboards"
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.write_text("no folder")

        asked: list[str] = []

        async def check(request: Any, name: str, before_buying: Any) -> Any:
            asked.append(name)
            raise AssertionError

        async def make(clip: Any) -> None:
            raise AssertionError

        with pytest.raises(wanted):
            await produce(context, plan, Ledger(Budget()), Crew(check, make))
        context.close()

        assert asked == []
        assert emulator.ledger()["accepted"] == 0


def test_a_board_is_told_which_caps_of_the_store_it_would_pass(tmp_path: Path) -> None:
    plan = planned({"id": "a"}, {"id": "b", "take": 2})
    caps = {"max_cost_per_day": "0.01 CNY", "max_cost_per_month": "1000 CNY"}
    settings = load_settings(output_dir=str(tmp_path), **caps)
    with open_context(settings) as context:
        nothing_due = quote_of({shot.id: shot.quote for shot in plan.shots}, {"a", "b"})

        (told,) = limits_in_words(context, plan.quote)
        stop_buying(context.store, "somebody")

        assert "0.01 CNY of 0.01 CNY left this day (WAN_VIDEO_MAX_COST_PER_DAY)" in told
        with pytest.raises(BuyingStopped):
            limits_in_words(context, plan.quote)
        # What is paid already is only fetched.
        assert limits_in_words(context, nothing_due) == []


def test_the_preflight_of_500_shots_takes_no_more_than_two_seconds_of_processor_time() -> None:
    import time

    plan = planned(*({"id": f"s{n}", "take": n, "notes": "n" * 300} for n in range(1, 501)))
    preflight(planned({"id": "a"}))  # the imports
    before = time.process_time()

    preflight(plan)

    assert time.process_time() - before < 2


def test_a_picture_in_memory_as_the_board_s_default_is_written_as_text() -> None:
    board = read_board(
        {
            "schema": "wan-video/storyboard/1",
            "defaults": {"reference_image": b"\xff\xd8"},
            "shots": [{"id": "a", "prompt": "x"}],
        }
    ).board

    written = json.dumps(board.model_dump(mode="json", by_alias=True))

    assert "data:application/octet-stream;base64,/9g=" in written
