"""A model that stops is told on the first night, with its day, what needs it, and what to order in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import MODEL, REGION, Bench, last_outcome

from footage.checkup import Finding, provider_findings
from footage.context import Context
from footage.credentials import DEFAULT_ACCOUNT, parse_key
from footage.emulator import Emulator
from footage.errors import AccountProblem, FootageError
from footage.retirement.models_seen import PATH, read_models_seen
from footage.retirement.notice import ModelNotice
from footage.steps.model_survey import report_changes, survey_models
from footage.steps.store_status import store_status

OTHER = parse_key("sk-of-studio-b", "block b", account="studio-b")


@pytest.fixture
def retiring(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, whose knobs of a retirement are turned back afterwards."""
    yield emulator
    emulator.turn(retiring=None, offline_time=None, retiring_limit=None, retired=False)
    emulator.turn(accounts=None, keys=None)


def _night(context: Context) -> list[ModelNotice]:
    """What the nightly check would send events about."""
    survey_models(context, REGION)
    told: list[ModelNotice] = []
    report_changes(context, told.append)
    return told


def test_nothing_is_told_of_models_that_stay(bench: Bench) -> None:
    assert _night(bench.context()) == []


def test_a_doctor_that_finds_nothing_leaves_nothing_behind(bench: Bench) -> None:
    context = bench.context()

    survey_models(context, REGION, keep=False)

    assert not context.store.exists(PATH)


def test_a_retirement_is_told_step_by_step_once_each_and_the_last_message_names_the_successor(
    retiring: Emulator, bench: Bench
) -> None:
    context = bench.context()
    assert _night(context) == []
    clip = bench.clip(context)
    bench.buy(clip)

    # A date is set: told on the first night, once, with the open clip that needs it.
    retiring.turn(retiring=[MODEL], offline_time="2099-12-31 00:00:00")
    (dated,) = _night(context)
    assert _night(context) == []
    assert "stops on 2099-12-31" in dated.in_words()
    assert "1 open clip" in dated.in_words()
    assert dated.seen.dependents.first_open == [clip.key]
    assert "wan2.7-t2v" in dated.advice()
    assert dated.advice().endswith("; WAN_VIDEO_MODELS=+wan2.7-t2v switches it on")

    # Limits shrink.
    retiring.turn(retiring_limit=1)
    (shrunk,) = _night(context)
    assert "takes 1 creates a second instead of 2" in shrunk.in_words()
    assert "takes 1 running tasks instead of 1000" in shrunk.in_words()

    # The day is there: what is bought is delivered, what is ordered is refused and told what to order.
    retiring.turn(retired=True)
    (gone,) = _night(context)
    assert gone.gone
    with pytest.raises(AccountProblem) as refused:
        bench.buy(bench.clip(context, prompt=f"{bench.prompt} again"))
    assert f"{MODEL} in {REGION} is gone" in refused.value.message
    assert "wan2.7-t2v" in str(refused.value.next_step)
    assert refused.value.code == "Model.AccessDenied"
    assert refused.value.details["successor"] == "wan2.7-t2v"
    assert bench.make(clip).key == clip.key

    status = store_status(context)
    assert [notice.to_json()["successor"] for notice in status.retiring] == ["wan2.7-t2v"]
    (told,) = status.to_json()["models_retiring"]
    assert (told["gone"], told["running_tasks"]["now"]) == (True, 1)

    # Taken back: nothing is told any more, and nobody is named who would need it.
    retiring.turn(retiring=[], retired=False)
    _night(context)
    kept = {seen.model: seen.dependents for seen in read_models_seen(context.store).models}
    assert kept[MODEL].first_open == []


def _findings(context: Context) -> tuple[list[Finding], Finding]:
    """What a nightly check finds out about the models, by account, and what it tells of all."""
    found = list(provider_findings(context, keep=True))
    (told,) = [finding for finding in found if finding.name == "retiring"]
    return [finding for finding in found if finding.name in ("models", "quotas")], told


def test_limits_are_watched_for_each_account_and_told_with_its_name(retiring: Emulator, bench: Bench) -> None:
    retiring.turn(accounts=["sk-of-studio-b"])
    context = bench.context(more_keys=(OTHER,))

    of_accounts, told = _findings(context)
    assert [finding.message.startswith("account studio-b: ") for finding in of_accounts] == [False] * 2 + [
        True
    ] * 2
    assert told.level == "ok"

    retiring.turn(retiring=[MODEL], retiring_limit=1)
    _, told = _findings(context)
    words = "takes 1 creates a second instead of 2"
    assert f"{MODEL} in {REGION} {words}" in told.message
    assert f"{MODEL} in {REGION}, account studio-b, {words}" in told.message
    events: list[ModelNotice] = []
    report_changes(context, events.append)
    assert {event.to_json()["account"] for event in events} == {DEFAULT_ACCOUNT, "studio-b"}


def test_an_account_whose_key_is_refused_leaves_the_others_watched(retiring: Emulator, bench: Bench) -> None:
    context = bench.context(more_keys=(OTHER,))
    retiring.turn(keys=["sk-emulator"], retiring=[MODEL], offline_time="2099-12-31 00:00:00")

    of_accounts, told = _findings(context)

    assert [(finding.name, finding.message.startswith("account studio-b: ")) for finding in of_accounts] == [
        ("models", False),
        ("quotas", False),
        ("models", True),
    ]
    assert "the key is not accepted" in of_accounts[-1].message
    assert "stops on 2099-12-31" in told.message


def test_keys_of_two_regions_are_one_finding(bench: Bench) -> None:
    far = parse_key("sk-far", "block far", region="cn-beijing", account="far")
    near = bench.context()
    context = Context(
        near.settings.model_copy(update={"region": None}),
        near.store,
        find_api_key=lambda: parse_key("sk-near", "block near", region=REGION),
        find_more_keys=lambda: (far,),
    )
    with context:
        (found,) = provider_findings(context)

    assert (found.name, found.level, found.exit_code) == ("key", "fail", 3)
    assert "different regions" in found.message


def test_a_model_that_is_gone_before_any_night_saw_it_is_refused_in_the_providers_words(
    retiring: Emulator, bench: Bench
) -> None:
    clip = bench.clip()
    retiring.turn(retiring=[MODEL], retired=True)

    with pytest.raises(FootageError) as refused:
        bench.buy(clip)

    # Perhaps it was never open to this key: that is not told as a retirement.
    assert "is gone" not in refused.value.message
    assert last_outcome(clip).may_retry


def test_a_memory_that_does_not_fit_is_made_anew(retiring: Emulator, bench: Bench) -> None:
    context = bench.context()
    context.store.replace(PATH, b'{"models": 7}')
    retiring.turn(retiring=[MODEL], offline_time="2099-12-31 00:00:00")

    (told,) = _night(context)

    assert told.seen.model == MODEL
    saved: dict[str, Any] = json.loads(
        Path(bench.folder, *Path(context.store.url).parts[-1:], PATH).read_text()
    )
    assert saved["models"]


def test_creates_go_on_at_the_smaller_pace_of_a_model_whose_limits_shrank(
    retiring: Emulator, bench: Bench
) -> None:
    retiring.turn(retiring=[MODEL], retiring_limit=1)
    # A key that was not asked for yet: limits are believed for some minutes.
    context = bench.context(key="sk-shrunk", submit_patience_s=30.0)
    clips = [bench.clip(context, take=take) for take in range(1, 4)]

    began = time.monotonic()
    for clip in clips:
        bench.buy(clip)

    # One a second instead of two.
    assert time.monotonic() - began >= 2.0
