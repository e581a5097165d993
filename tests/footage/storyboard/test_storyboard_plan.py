"""From a board to what has to be made: everything wrong at once, the order, the price."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from boards import BASE, IMAGE_MODEL, board, chained, no_links, planned
from PIL import Image

from footage.errors import InvalidRequest, OverBudget
from footage.order import plan as plan_order
from footage.reference import read_reference
from footage.storyboard import Budget, approval_reason, capped, check_budget, in_words, plan_board, read_board
from footage.storyboard.board_quote import quote_of

EXAMPLE = Path(__file__).parents[3] / "footage/storyboard/examples/lighthouse.yaml"


def problems(*shots: Any, **fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        planned(*shots, **fields)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_the_example_board_can_be_made_within_its_budget():
    plan = plan_board(read_board(EXAMPLE).board, no_links)

    assert len(plan.shots) == 12
    assert len({shot.request.model for shot in plan.shots}) == 2
    assert sum(1 for shot in plan.shots if shot.starts_from) >= 4
    assert plan.quote.unknown == ()
    assert plan.warnings == ()
    assert approval_reason(plan.quote, plan.board.budget) is None


def test_everything_wrong_on_a_board_is_said_at_once_with_shot_ids():
    found = problems(
        {"id": "a", "duration": 7},
        {"id": "b", "prompt": "x" * 801, "seed": -1},
        {"id": "b", "size": "1*1"},
        {"id": "c", "model": IMAGE_MODEL},
        {"id": "d", "duration": "five"},
        chained("e", "shot:nowhere"),
        chained("f", "shot:f"),
        {"id": "g", "start_from": "last week"},
        {"id": "x/y"},
        budget={"max_cost": 5, "currency": "EUR"},
    )

    assert set(found) == {
        "shots[a].duration", "shots[b].prompt", "shots[b].seed", "shots[b].id", "shots[b].size",
        "shots[c].reference_image", "shots[d].duration", "shots[e].start_from", "shots[f].start_from",
        "shots[g].start_from", "shots[9].id", "budget.currency",
    }  # fmt: skip
    assert "2, 3 share this id" in found["shots[b].id"]


def test_shots_that_start_from_each_other_in_a_circle_are_named():
    found = problems(
        chained("a", "shot:c"), chained("b", "shot:a"), chained("c", "shot:b"), {"id": "d"}
    )  # fmt: skip

    (message,) = found.values()
    assert "circle" in message
    assert all(name in message for name in "abc")


def test_the_first_shot_cannot_start_from_the_one_before_it():
    assert "none before it" in problems(chained("a", "prev_last_frame"))["shots[a].start_from"]


def test_an_empty_board_and_one_that_is_too_long_are_refused():
    assert "shots" in problems()
    assert "shots" in problems(*({"id": f"s{n}"} for n in range(2001)))


def test_texts_that_no_timeline_can_hold_are_found_before_anything_is_bought():
    found = problems({"id": "a", "notes": "\udfff"}, {"id": "b"}, title="\ud800")

    assert set(found) == {"board", "shots[a]"}


def test_a_text_to_video_model_cannot_start_from_a_last_frame():
    found = problems({"id": "a"}, {"id": "b", "start_from": "shot:a"})

    assert set(found) == {"shots[b].start_from"}


def test_a_shot_cannot_have_both_a_picture_and_a_shot_to_start_from():
    found = problems({"id": "a"}, chained("b", "shot:a", reference_image="b.png"))

    assert "not from both" in found["shots[b].reference_image"]


def test_a_shot_comes_after_the_one_it_starts_from_and_the_others_keep_their_place():
    plan = planned(
        chained("a", "shot:c"), {"id": "b"}, chained("c", "prev_last_frame"), {"id": "d", "seed": 4}
    )

    assert [shot.id for shot in plan.shots] == ["a", "b", "c", "d"]
    assert plan.order.index("b") < plan.order.index("c") < plan.order.index("a")
    assert [shot.depth for shot in plan.shots] == [3, 1, 2, 1]


def test_a_chained_shot_becomes_an_ordinary_request_once_its_frame_is_there(tmp_path: Path):
    second = planned({"id": "a"}, chained("b", "shot:a", duration=3)).shot("b")
    Image.new("RGB", (1280, 720), "navy").save(tmp_path / "last.png")

    request = second.request_from((tmp_path / "last.png").read_bytes())
    order = plan_order(request, default_region="cn-beijing", image=read_reference(request, no_links))

    assert second.prepared is None
    assert second.request.reference_image is None
    assert (order.quote, order.expected) == (second.quote, second.expected)


def test_a_chain_longer_than_the_limit_is_warned_about_once():
    shots = [{"id": "s0"}, *(chained(f"s{n}", "prev_last_frame") for n in range(1, 6))]

    drift = [warning for warning in planned(*shots).warnings if "drift" in warning]

    assert len(drift) == 1
    assert "s5 is number 6" in drift[0]


def test_the_same_request_on_two_shots_is_one_clip_paid_once():
    plan = planned(
        {"id": "a"}, {"id": "b"}, {"id": "c", "take": 2}, chained("d", "shot:a", prompt="on"),
        chained("e", "shot:b", prompt="on"), chained("f", "shot:c", prompt="on"),
    )  # fmt: skip

    assert [shot.same_as for shot in plan.shots] == [None, "a", None, None, "d", None]
    assert plan.quote.clips == 4
    assert plan.quote.seconds == sum(s.quote.seconds for s in plan.shots if s.same_as is None)
    assert any("shots a and b ask for the same clip" in warning for warning in plan.warnings)


def test_the_quote_adds_up_what_each_shot_costs_and_says_when_prices_were_read():
    plan = planned({"id": "a"}, chained("b", "shot:a", duration=4, audio=False))

    # 5 s of wanx2.1-t2v-turbo at 0.24 CNY and 4 s of wan2.6-i2v-flash, 720P and silent, at 0.15 CNY.
    assert plan.quote.amounts == {"CNY": Decimal("1.80")}
    assert plan.quote.seconds == 9
    assert plan.quote.read_on == min(shot.quote.read_on for shot in plan.shots)
    assert Decimal("0.24") < plan.quote.amount_in("USD") < Decimal("0.25")


def test_a_price_that_nobody_knows_counts_at_the_highest_and_is_named():
    plan = planned({"id": "a", "model": "wan2.2-t2v-flash", "size": "832*480"})

    assert plan.quote.unknown == ("a",)
    assert plan.quote.amounts["CNY"] > 0
    assert any("no price is known for 1 shot (a)" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    "budget",
    [{"max_seconds": 9}, {"max_cost": 2.39, "currency": "CNY"}, {"max_cost": 0.32, "currency": "USD"}],
)
def test_a_board_over_a_cap_is_refused_before_anything_is_bought(budget: dict[str, Any]):
    plan = planned({"id": "a"}, {"id": "b", "seed": 2}, budget=budget)

    with pytest.raises(OverBudget, match="Nothing was bought"):
        check_budget(plan.quote, plan.board.budget)


def test_a_board_that_just_fits_its_caps_may_be_bought():
    plan = planned(
        {"id": "a"}, {"id": "b", "seed": 2}, budget={"max_seconds": 10, "max_cost": 2.4, "currency": "CNY"}
    )

    check_budget(plan.quote, plan.board.budget)

    assert plan.quote.amount_in("CNY") == Decimal("2.40")


def test_caps_are_told_with_their_currency():
    plan = planned({"id": "a"}, {"id": "b", "seed": 2}, budget={"max_seconds": 60})
    budget = capped(plan.board.budget, {"max_cost": 5.5, "approve_above": 2, "max_seconds": None})
    due = quote_of({shot.id: shot.quote for shot in plan.shots}, paid={"a"})

    told = in_words(plan.quote, due, budget)

    assert "To buy: 1 clip, 5 s, 0.1636 USD (1.20 CNY at 7.33924 CNY per USD) by prices of" in told
    assert "1 of 2 clips are paid already" in told
    assert "Caps: at most 60 s, at most 5.50 USD, above 2.00 USD a person is asked" in told


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_cap_that_is_no_amount_is_refused(value: float):
    with pytest.raises(InvalidRequest) as caught:
        capped(Budget(), {"max_cost": value, "max_seconds": value, "approve_above": value})

    assert {problem.field for problem in caught.value.problems} == {
        "max_cost",
        "max_seconds",
        "approve_above",
    }
    assert {problem.value for problem in caught.value.problems} == {str(value)}


def test_a_person_is_asked_only_above_the_threshold():
    quote = planned({"id": "a"}).quote

    assert approval_reason(quote, Budget(approve_above=Decimal("1.20"), currency="CNY")) is None
    assert "1.20 CNY" in str(approval_reason(quote, Budget(approve_above=Decimal("1.19"), currency="CNY")))


def test_shots_of_another_format_than_the_film_are_pointed_out():
    plan = planned({"id": "a"}, {"id": "b", "seed": 2}, {"id": "c", "size": "832*480"})

    assert str(plan.format) == "1280*720 at 30 fps"
    assert any("1 shot (c) differs from" in warning for warning in plan.warnings)


def test_one_picture_link_on_many_shots_is_fetched_once(tmp_path: Path):
    Image.new("RGB", (1280, 720)).save(tmp_path / "a.png")
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return (tmp_path / "a.png").read_bytes()

    shots = [{"id": f"s{n}", "seed": n, "model": IMAGE_MODEL, "duration": 3} for n in range(20)]
    plan_board(board(*shots, defaults=BASE | {"reference_image": "https://example.com/a.png"}), fetch)

    assert fetched == ["https://example.com/a.png"]


def test_numbers_in_the_cells_of_a_table_are_read_and_what_is_none_is_said_without_talk_of_quotes():
    head = "shot,prompt,model,fps,motion_strength,seed\n"
    table = f'{head}1,A boat,wanx2.1-t2v-turbo,24000/1001,"0,5",7\n2,A kite,wanx2.1-t2v-turbo,23.976,0.5,8\n'

    shots = plan_board(read_board(table.encode(), name="shots.csv").board, no_links).shots

    assert {(shot.request.fps, shot.request.motion_strength) for shot in shots} == {
        (Fraction(24000, 1001), 0.5)
    }
    with pytest.raises(InvalidRequest) as caught:
        plan_board(read_board((table + "3,A gull,,fast,,seven\n").encode(), name="shots.csv").board, no_links)
    assert "shots[3].fps = 'fast': must be a number such as 24 or 23.976; this is text." in str(caught.value)
    assert "shots[3].seed = 'seven': must be a number; this is text." in str(caught.value)
    assert "quotes" not in str(caught.value)
