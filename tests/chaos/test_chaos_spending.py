"""Caps and the stop switch while many processes buy at once; what was bought is counted by the provider."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from chaos import Lane, Lanes, Plot, Scenario, Verdict, by_size

from footage.spending.stop_switch import stop_buying
from footage.storage import open_store

# Of the clip that every process asks for, in CNY.
PRICE = Decimal("0.733925")
STOPS_WITHIN_S = 2.0


def under_a_cap(processes: int, fits: int, **job: Any) -> Plot:
    """Many processes at the same instant, each with a clip of its own; the cap of the day is for some of them."""

    def play(lane: Lane) -> Verdict:
        cap = f"{PRICE * fits} CNY"
        patient = {"deadline_s": 90.0, "lease_s": 6.0, "max_cost_per_day": cap}
        scenario = Scenario(lane, "under a cap", requests=processes, settings=patient, **job)
        start_at = time.time() + 1.0
        children = [scenario.start(prompts=(prompt,), start_at=start_at) for prompt in scenario.prompts]
        for child in children:
            scenario.note(child, child.wait())
        verdict = scenario.verdict
        ends = [report.get("error", "bought") for report in scenario.reports.values()]
        wanted = {"bought": fits, "OverBudget": processes - fits}
        bought = created(scenario)
        verdict.accepted, verdict.delivered = bought, ends.count("bought")
        if Counter(ends) != wanted or bought != fits:
            verdict.unexplained += 1
            verdict.notes.append(f"{cap}: {bought} bought, {Counter(ends)} instead of {wanted}")
        return verdict

    return play


def created(scenario: Scenario) -> int:
    """How many clips of this scenario the provider accepted."""
    return sum(scenario.folder.name in str(task["body"]) for task in scenario.emulator.tasks())


@by_size
def test_no_more_is_bought_than_a_cap_of_the_day_allows(lanes: Lanes, books: Any, size: str) -> None:
    processes, fits = (4, 2) if size == "short" else (20, 10)

    books.close(lanes.play("under a cap", [under_a_cap(processes, fits)]))


@pytest.mark.s3
@pytest.mark.chaos
def test_no_more_is_bought_on_a_real_s3_server_either(
    lanes: Lanes, books: Any, s3: Callable[[], dict[str, Any]]
) -> None:
    books.close(lanes.play("under a cap, on S3", [under_a_cap(20, 10, **s3())]))


def stopped_under_load(processes: int, clips: int) -> Plot:
    """Many processes buy as fast as they may; then somebody stops all buying."""

    def play(lane: Lane) -> Verdict:
        patient = {"deadline_s": 90.0, "lease_s": 6.0}
        scenario = Scenario(lane, "stopped under load", requests=processes * clips, settings=patient)
        prompts = [scenario.prompts[at::processes] for at in range(processes)]
        children = [scenario.start(prompts=some) for some in prompts]
        while created(scenario) < processes:
            time.sleep(0.05)
        stop_buying(open_store(scenario.store_url), "the test")
        # What the switch promises is a time.
        time.sleep(STOPS_WITHIN_S)
        in_time = created(scenario)
        for child in children:
            scenario.note(child, child.wait())
        verdict = scenario.verdict
        ends = Counter(report.get("error", "bought") for report in scenario.reports.values())
        verdict.accepted, verdict.delivered = created(scenario), ends["bought"]
        if verdict.accepted != in_time or ends["BuyingStopped"] + ends["bought"] != processes * clips:
            verdict.unexplained += 1
            verdict.notes.append(
                f"{in_time} bought {STOPS_WITHIN_S:g} s after the stop, at last {created(scenario)}: {ends}"
            )
        return verdict

    return play


@by_size
def test_no_create_is_sent_later_than_two_seconds_after_buying_was_stopped(
    lanes: Lanes, books: Any, size: str
) -> None:
    processes, clips = (2, 12) if size == "short" else (10, 40)

    verdict = lanes.play("buying stopped", [stopped_under_load(processes, clips)])

    books.close(verdict)
    assert verdict.accepted < processes * clips
