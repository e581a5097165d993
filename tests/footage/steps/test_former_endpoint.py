"""What was bought through an address that is no longer configured: what to do is said, and it ends some day."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from bench import Bench, last_outcome
from plainsteps import PLAIN_STEPS

from footage.clip import Clip
from footage.errors import BadRecord, SubmissionUnknown
from footage.evidence.run_log import collect_from
from footage.evidence.state import Permission
from footage.steps.harvest import Harvest, harvest_store


def bought_through_a_gateway(bench: Bench, *, answered: bool = True) -> Clip:
    gateway = bench.emulator.base_url.replace("127.0.0.1", "localhost")
    clip = bench.clip(bench.context(http_base_url=gateway, deadline_s=0.05, reconcile_grace_s=60.0))
    if not answered:
        bench.fault("create-accept-reset")
    with contextlib.nullcontext() if answered else pytest.raises(SubmissionUnknown):
        bench.buy(clip)
    return clip


def harvested(bench: Bench) -> Harvest:
    return asyncio.run(harvest_store(bench.context(), PLAIN_STEPS))


def evidence_of(clip: Clip) -> dict[str, bytes]:
    store = clip.context.store
    return {name: store.read(name) for name in store.list(f"evidence/{clip.key}")}


def test_a_booked_clip_is_lost_once_its_time_is_over_and_fills_no_log_until_then(bench: Bench) -> None:
    collect_from("footage")
    bench.emulator.turn(generation_s=5000.0)
    clip = bought_through_a_gateway(bench)
    before = evidence_of(clip)

    early = harvested(bench).failed[clip.key]
    unchanged = evidence_of(clip) == before
    bench.emulator.advance(25 * 3600)
    late = harvested(bench).failed[clip.key]

    assert "the key is not sent to its endpoint 'http://localhost:" in early
    assert unchanged
    assert "no longer exist at the provider" in late
    assert last_outcome(clip).status == "lost"
    assert harvested(bench).failed == {}


@pytest.mark.parametrize("answered", [True, False])
def test_a_person_hears_which_setting_helps_and_can_give_the_clip_up(bench: Bench, answered: bool) -> None:
    bought_through_a_gateway(bench, answered=answered)

    with pytest.raises((BadRecord, SubmissionUnknown), match="the key is not sent") as told:
        bench.make(bench.clip())
    response = bench.make(bench.clip(permission=Permission(buy_again=True)))

    assert "set DASHSCOPE_HTTP_BASE_URL to this address" in str(told.value.next_step)
    assert [task["task_id"] for task in bench.tasks()][1:] == [response.task_id]
