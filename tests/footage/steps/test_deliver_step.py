"""A paid clip comes home whatever happens on the way, or a person hears what to do."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench import Bench, last_outcome
from plainsteps import PLAIN_STEPS

from footage.context import Context
from footage.credentials import parse_key
from footage.errors import BadDelivery, ClipLost, InvalidRequest, StorageProblem, Unreachable
from footage.evidence.state import Permission
from footage.steps.harvest import harvest_store


def video(response: Any) -> Path:
    return Path(urlsplit(response.video_url).path)


def test_the_response_tells_what_was_measured_in_the_stored_file(bench: Bench) -> None:
    response = bench.make()

    data = video(response).read_bytes()
    assert (response.size_bytes, response.sha256) == (len(data), sha256(data).hexdigest())
    assert (response.duration, response.fps, response.size) == (pytest.approx(5, abs=0.05), 30, "832*480")
    assert response.cached is False


def test_a_finished_clip_is_returned_without_a_question(bench: Bench) -> None:
    first = bench.make()
    before = bench.emulator.ledger()["requests"]

    clip = bench.clip(bench._contexts[0])

    assert bench.emulator.ledger()["requests"] == before
    assert clip.response == first.model_copy(update={"cached": True})


def test_who_asks_for_a_converted_clip_as_it_came_hears_where_that_is(bench: Bench) -> None:
    converted = bench.make(bench.clip(conform="auto", fps=15))

    same = bench.clip(conform="auto", fps=15).response
    other = bench.clip(conform="never", fps=15).response

    assert same is not None
    assert other is not None
    assert converted.original_url is not None
    assert same.warnings == converted.warnings
    assert (other.video_url, other.original_url) == (converted.video_url, converted.original_url)
    assert "it is original_url" in other.warnings[-1]


@pytest.mark.parametrize(
    "fault",
    ["result-reset", "result-truncated", "result-expired", "result-damaged", "result-html", "result-503"],
)
def test_a_download_that_goes_wrong_costs_no_second_clip(bench: Bench, fault: str) -> None:
    bench.fault(fault)

    response = bench.make()

    assert sha256(video(response).read_bytes()).hexdigest() == response.sha256
    assert len(bench.tasks()) == 1


def test_a_result_that_is_not_there_today_stays_booked(bench: Bench) -> None:
    bench.fault("result-404", times=None)
    with pytest.raises(Unreachable) as gone:
        bench.make()
    bench.emulator.clear_faults()

    assert "--buy-again" in str(gone.value.next_step)
    assert bench.make().task_id == bench.tasks()[0]["task_id"]
    assert len(bench.tasks()) == 1


def test_a_result_that_is_no_video_stays_booked_and_names_both_ways_out(bench: Bench) -> None:
    bench.fault("result-html", times=None)
    with pytest.raises(BadDelivery) as bad:
        bench.make()

    assert "run it again until" in str(bad.value.next_step)
    assert "--buy-again" in str(bad.value.next_step)
    assert last_outcome(bench.clip()).status == "succeeded"


def test_a_person_can_give_a_worthless_result_up_and_have_the_clip_bought_again(bench: Bench) -> None:
    bench.fault("result-html", times=4)
    with pytest.raises(BadDelivery):
        bench.make()
    # The fresh attempt gets a good file: what is left of the fault strikes the old one once more.
    bench.fault("result-html", times=4)

    response = bench.make(bench.clip(permission=Permission(buy_again=True)))

    assert [task["status"] for task in bench.tasks()] == ["SUCCEEDED", "SUCCEEDED"]
    assert response.task_id == bench.tasks()[1]["task_id"]


def test_after_a_day_a_result_is_lost_and_that_is_said(bench: Bench) -> None:
    bench.fault("result-404", times=None)
    with pytest.raises(Unreachable):
        bench.make()
    bench.emulator.advance(86_400)

    clip = bench.clip()
    with pytest.raises(ClipLost, match="24 hours are over"):
        bench.make(clip)
    with pytest.raises(ClipLost):
        bench.make(bench.clip())

    assert last_outcome(clip).status == "lost"
    assert last_outcome(clip).billed
    assert len(bench.tasks()) == 1


def test_a_finished_clip_whose_video_was_deleted_is_fetched_again(bench: Bench) -> None:
    response = bench.make()
    before = video(response).read_bytes()
    video(response).unlink()

    again = bench.make()

    assert (again.sha256, video(again).read_bytes()) == (response.sha256, before)
    assert len(bench.tasks()) == 1


def test_a_finished_clip_whose_video_is_gone_here_and_there_is_not_called_finished(bench: Bench) -> None:
    response = bench.make()
    video(response).unlink()
    bench.emulator.advance(25 * 3600)

    with pytest.raises(StorageProblem, match="no longer in") as problem:
        bench.make()

    assert "restore" in str(problem.value.next_step)
    assert len(bench.tasks()) == 1


def test_a_harvest_that_cannot_bring_a_video_back_fills_no_log(bench: Bench) -> None:
    clip = bench.clip()
    response = bench.make(clip)
    video(response).unlink()
    store = clip.context.store
    # Not sealed yet.
    store.delete(f"evidence/{clip.key}/result.json")
    clip.evidence.mark_open()
    bench.emulator.advance(25 * 3600)
    before = {name: store.read(name) for name in store.list(f"evidence/{clip.key}")}

    report = asyncio.run(harvest_store(bench.context(), PLAIN_STEPS))

    assert "no longer in" in report.failed[clip.key]
    assert {name: store.read(name) for name in store.list(f"evidence/{clip.key}")} == before


def test_evidence_alone_is_enough_to_finish(bench: Bench) -> None:
    from footage.steps.check import reopen

    bench.fault("result-404", times=None)
    with pytest.raises(Unreachable):
        bench.make()
    bench.emulator.clear_faults()
    key = bench.clip().key

    response = bench.make(reopen(bench.context(), key[:12], Permission(may_buy=False)))

    assert response.key == key


def test_a_clip_of_the_emulator_is_never_taken_for_one_of_the_provider(bench: Bench) -> None:
    finished, booked = bench.clip(take=1), bench.clip(take=2)
    bench.make(finished)
    bench.buy(booked)
    # The same store, and the provider's own address: nothing is sent to it here.
    real = bench.context().settings.model_copy(update={"http_base_url": None})
    with Context(real, bench.context().store, find_api_key=lambda: parse_key("sk-real", "test")) as context:
        for take in (1, 2):
            with pytest.raises(InvalidRequest, match="made by the emulator") as mixed:
                bench.clip(context, take=take)
            assert mixed.value.problems[0].field == "OUTPUT_DIR"
