"""The status of a store in words and as metrics: numbers, names, and nothing where there is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from footage.settings import load_settings
from footage.spending.caps import Caps
from footage.spending.ledger_lines import Spent
from footage.spending.stop_switch import StopOrder
from footage.steps.open_clips import Unfinished
from footage.steps.store_status import ClipStatus, StoreStatus
from footage.steps.store_status_texts import as_prometheus, as_rows
from footage.steps.verify import LastNight

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MODEL = "wan2.6-i2v"


def status(**more: Any) -> StoreStatus:
    """A store at noon in which nothing happened, but for what is said."""
    quiet: dict[str, Any] = {
        "at": NOW,
        "store": "s3://bucket/store",
        "waiting": [],
        "spent": Spent(date(2026, 11, 28), {}, {}),
        "caps": (),
        "stopped": None,
        "night": None,
    }
    return StoreStatus(**quiet | more)


def clip(key: str, age: timedelta | None, state: str = "booked") -> Unfinished:
    expires_at = None if age is None else NOW - age + timedelta(hours=24)
    return Unfinished(key * 64, "task", state, expires_at)


BUSY = status(
    waiting=[
        clip("a", timedelta(hours=25)),
        clip("b", timedelta(minutes=90)),
        clip("c", None, "unknown"),
    ],
    spent=Spent(
        date(2026, 11, 28),
        {MODEL: {"CNY": Decimal("1.2"), "USD": Decimal("0.5")}},
        {MODEL: {"CNY": Decimal("7.2"), "USD": Decimal("0.5")}},
        creates=5,
        corrected={"refused": 2, "failed": 1, "billed": 1, "canceled": 0},
    ),
    caps=tuple(Caps(load_settings(max_cost_per_month="20 CNY"))),
    stopped=StopOrder(stopped_at=NOW, by="somebody", why="too dear"),
    night=LastNight(NOW - timedelta(hours=8), 40, ("d" * 64,)),
)


def test_a_quiet_store_says_so() -> None:
    assert dict(as_rows(status())) == {
        "store": "s3://bucket/store",
        "clips waiting": "0",
        "next expiry": "nothing expires",
        "spent today": "nothing (2026-11-28)",
        "this month": "nothing",
        "creates today": "0, none refused",
        "buying": "goes on",
    }


def test_a_busy_store_answers_each_question() -> None:
    assert as_rows(BUSY) == [
        ("store", "s3://bucket/store"),
        ("clips waiting", "3, the oldest for 25 h 0 min, 1 of them perhaps bought, perhaps not"),
        ("next expiry", f"{'a' * 12} is over (2026-11-28 11:00 UTC)"),
        ("spent today", "1.20 CNY and 0.50 USD (2026-11-28)"),
        ("", f"{MODEL}: 1.20 CNY and 0.50 USD"),
        ("this month", "7.20 CNY and 0.50 USD"),
        ("", BUSY.caps[0].left_in_words(BUSY.spent)),
        ("creates today", "5, of which 1 failed, 2 refused"),
        ("buying", "stopped: somebody stopped all buying at 2026-11-28 12:00:00 UTC (too dear)"),
        ("last check", f"2026-11-28 04:00 UTC, 40 clips looked at, 1 DAMAGED: {'d' * 12}"),
    ]


def test_what_expires_says_how_long_that_is_away() -> None:
    rows = dict(as_rows(status(waiting=[clip("b", timedelta(minutes=90)), clip("c", timedelta(minutes=30))])))

    assert rows["next expiry"] == f"{'b' * 12} in 22 h 30 min (2026-11-29 10:30 UTC)"
    assert rows["clips waiting"] == "2, the oldest for 1 h 30 min"


def test_a_night_without_damage_says_so() -> None:
    rows = dict(as_rows(status(night=LastNight(NOW, 7, ()))))

    assert rows["last check"] == "2026-11-28 12:00 UTC, 7 clips looked at, none damaged"


def test_a_busy_store_is_told_to_programs_in_exact_numbers() -> None:
    told = BUSY.to_json()

    assert told == {
        "at": "2026-11-28T12:00:00+00:00",
        "store": "s3://bucket/store",
        "waiting": 3,
        "unknown": 1,
        "oldest_s": 25 * 3600,
        "next_to_expire": {"key": "a" * 64, "at": "2026-11-28T11:00:00+00:00"},
        "day": "2026-11-28",
        "spent_today": {MODEL: {"CNY": "1.20", "USD": "0.50"}},
        "spent_this_month": {MODEL: {"CNY": "7.20", "USD": "0.50"}},
        "creates_today": 5,
        "unbilled_today": {"refused": 2, "failed": 1},
        "caps": [BUSY.caps[0].to_json(BUSY.spent)],
        "buying_stopped": "somebody stopped all buying at 2026-11-28 12:00:00 UTC (too dear)",
        "last_check": BUSY.night.to_json() if BUSY.night else None,
        "models_retiring": [],
        "warnings": [],
    }


def test_a_quiet_store_is_told_to_programs_with_nothing_where_there_is_nothing() -> None:
    told = status(warnings=["look here"]).to_json()

    missing = ("oldest_s", "next_to_expire", "buying_stopped", "last_check")
    assert [told[name] for name in missing] == [None] * 4
    assert told["warnings"] == ["look here"]


def test_one_clip_is_told_to_programs_with_the_second_in_which_it_expires() -> None:
    open_ = ClipStatus("a" * 64, "waiting for the provider", "paid", "task", NOW)

    assert open_.to_json() == {
        "key": "a" * 64,
        "state": "waiting for the provider",
        "paid": "paid",
        "task_id": "task",
        "expires_at": "2026-11-28T12:00:00+00:00",
        "video_url": None,
    }
    assert ClipStatus("a" * 64, "finished", "paid", video_url="file:///a.mp4").to_json() == {
        **dict.fromkeys(("task_id", "expires_at")),
        "key": "a" * 64,
        "state": "finished",
        "paid": "paid",
        "video_url": "file:///a.mp4",
    }


def metrics(now: StoreStatus) -> dict[tuple[str, frozenset[str]], float]:
    families = text_string_to_metric_families(as_prometheus(now))
    return {
        (sample.name.removeprefix("wan_video_"), frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def named(metric: str, *labels: str) -> tuple[str, frozenset[str]]:
    return metric, frozenset(labels)


def test_what_was_spent_is_labelled_with_the_model_and_its_currency() -> None:
    families = {family.name: family for family in text_string_to_metric_families(as_prometheus(BUSY))}

    for name in ("wan_video_spent_day", "wan_video_spent_month"):
        assert {frozenset(sample.labels) for sample in families[name].samples} == {
            frozenset({"model", "currency"})
        }
    (left,) = families["wan_video_cap_left"].samples
    assert left.labels == {"variable": "WAN_VIDEO_MAX_COST_PER_MONTH", "model": "", "currency": "CNY"}


def test_metrics_have_the_same_numbers() -> None:
    assert metrics(BUSY) == {
        named("clips_waiting"): 3,
        named("clips_unknown"): 1,
        named("oldest_clip_age_seconds"): 25 * 3600,
        named("next_expiry_timestamp_seconds"): (NOW - timedelta(hours=1)).timestamp(),
        named("spent_day", MODEL, "CNY"): 1.2,
        named("spent_day", MODEL, "USD"): 0.5,
        named("spent_month", MODEL, "CNY"): 7.2,
        named("spent_month", MODEL, "USD"): 0.5,
        named("cap_left", "WAN_VIDEO_MAX_COST_PER_MONTH", "", "CNY"): float(BUSY.caps[0].left(BUSY.spent)),
        named("creates_day"): 5,
        named("creates_unbilled_day", "refused"): 2,
        named("creates_unbilled_day", "failed"): 1,
        named("creates_unbilled_day", "canceled"): 0,
        named("buying_stopped"): 1,
        named("last_check_timestamp_seconds"): (NOW - timedelta(hours=8)).timestamp(),
        named("clips_damaged"): 1,
    }


def test_metrics_of_a_quiet_store_leave_out_what_there_is_not() -> None:
    assert metrics(status()) == {
        named("clips_waiting"): 0,
        named("clips_unknown"): 0,
        named("oldest_clip_age_seconds"): 0,
        named("creates_day"): 0,
        named("creates_unbilled_day", "refused"): 0,
        named("creates_unbilled_day", "failed"): 0,
        named("creates_unbilled_day", "canceled"): 0,
        named("buying_stopped"): 0,
    }
