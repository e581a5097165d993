"""Keys of several accounts: each has its own pace, and what one bought is asked for with a key of that account."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from bench import REGION, Bench, last_attempt, last_outcome, last_receipt
from plainsteps import PLAIN_STEPS

from footage.catalogue import endpoint
from footage.checkup import provider_findings
from footage.context import Context
from footage.credentials import ApiKey, parse_key
from footage.emulator import Emulator
from footage.errors import AccountProblem, BadRecord, ClipLost
from footage.evidence.state import Permission
from footage.steps.cancel import cancel_clip
from footage.steps.harvest import harvest_store
from footage.steps.poll import poll_clip
from footage.steps.probe import probe_provider
from footage.steps.provider_queries import client_of

OTHER = parse_key("sk-of-studio-b", "block b", account="studio-b")
# Another key of the account that unnamed keys belong to.
SPARE = parse_key("sk-spare", "block spare")


@pytest.fixture(autouse=True)
def _two_accounts(emulator: Emulator) -> Iterator[None]:
    emulator.turn(accounts=["sk-of-studio-b"])
    yield
    emulator.turn(accounts=None, keys=None)


def _buy(bench: Bench, more: tuple[object, ...], many: int) -> tuple[float, Counter[str | None]]:
    """How long so many purchases take, and with which accounts they are made."""
    context = bench.context(more_keys=more)  # pyright: ignore[reportArgumentType]
    clips = [bench.clip(context, take=take) for take in range(1, many + 1)]
    began = time.monotonic()
    for clip in clips:
        bench.buy(clip)
    return time.monotonic() - began, Counter(last_receipt(clip).account for clip in clips)


def test_two_accounts_share_the_purchases_and_buy_in_half_the_time(bench: Bench) -> None:
    one_s, of_one = _buy(bench, (), 4)
    bench.prompt += " once more"
    two_s, of_two = _buy(bench, (OTHER,), 4)

    assert of_one == {None: 4}
    assert of_two == {None: 2, "studio-b": 2}
    # Two a second are documented for each: three pauses of 0.5 s, and one.
    assert one_s >= 1.5
    assert two_s < one_s - 0.5


def test_a_clip_that_an_account_refuses_is_bought_with_another_one(bench: Bench, emulator: Emulator) -> None:
    context = bench.context(more_keys=(OTHER,))
    clips = [bench.clip(context, take=take) for take in range(1, 5)]
    emulator.turn(keys=["sk-emulator"])
    for clip in clips:
        bench.make(clip)

    attempts = [clip.evidence.state().attempts for clip in clips]
    # It is asked once and no more in this run.
    assert [[one.intent.account for one in of_clip] for of_clip in attempts] == [
        [None],
        ["studio-b", None],
        [None],
        [None],
    ]
    refused = attempts[1][0].ended
    assert refused is not None
    assert (refused.code, refused.billed, refused.may_retry) == ("InvalidApiKey", False, True)
    assert len(bench.tasks()) == 4


@pytest.mark.parametrize(
    ("more_keys", "most_attempts"),
    [
        pytest.param((OTHER,), 3, id="each account refuses"),
        pytest.param((OTHER,), 1, id="a run may start one attempt"),
        pytest.param((), 3, id="there is one account"),
    ],
)
def test_a_clip_that_can_be_bought_nowhere_says_why_its_account_refused(
    bench: Bench, more_keys: tuple[ApiKey, ...], most_attempts: int
) -> None:
    clip = bench.clip(bench.context(more_keys=more_keys, max_attempts=most_attempts))
    bench.emulator.turn(keys=[])

    with pytest.raises(AccountProblem, match="InvalidApiKey"):
        bench.make(clip)

    assert len(clip.evidence.state().attempts) == min(most_attempts, 1 + len(more_keys))
    assert bench.tasks() == []


@pytest.mark.parametrize("dead", ["default", "studio-b"])
def test_an_account_that_is_dead_when_a_run_begins_stops_neither_buying_nor_what_is_bought(
    bench: Bench, dead: str, caplog: pytest.LogCaptureFixture
) -> None:
    alive = {"default": "sk-of-studio-b", "studio-b": "sk-emulator"}[dead]
    bought = bench.buy_takes(bench.context(more_keys=(OTHER,)), 2)[dead == "default"]
    bench.emulator.turn(keys=[alive])

    context = bench.context(more_keys=(OTHER,))
    followed = bench.make(bench.clip(context, take=2 if dead == "default" else 1))
    others = [bench.clip(context, take=take) for take in (3, 4)]
    for clip in others:
        bench.make(clip)

    assert followed.key == bought.key
    assert f"This run buys nothing with the account {dead}" in caplog.text
    assert [len(clip.evidence.state().attempts) for clip in others] == [1, 1]
    assert {last_receipt(clip).key_fingerprint for clip in others} == {last_receipt(bought).key_fingerprint}
    assert len(bench.tasks()) == 4


def test_a_run_whose_accounts_all_refuse_does_not_begin(bench: Bench) -> None:
    bench.emulator.turn(keys=[])

    with pytest.raises(AccountProblem, match="InvalidApiKey"):
        bench.context(more_keys=(OTHER,))


def test_two_keys_of_one_account_are_not_counted_twice(bench: Bench) -> None:
    took_s, accounts = _buy(bench, (SPARE,), 4)

    assert accounts == {None: 4}
    assert took_s >= 1.5


def test_a_clip_is_asked_for_with_the_key_or_the_account_that_bought_it(bench: Bench) -> None:
    context = bench.context(more_keys=(OTHER,))
    clips = bench.buy_takes(context, 2)
    ours, theirs = (last_receipt(clip) for clip in clips)
    intent = last_attempt(clips[1]).intent

    assert (intent.account, intent.key_fingerprint) == ("studio-b", OTHER.fingerprint)
    assert client_of(context, ours).api_key.fingerprint == context.api_key.fingerprint
    assert client_of(context, theirs).api_key.fingerprint == OTHER.fingerprint
    # Another key of the same account will do.
    rotated = theirs.model_copy(update={"key_fingerprint": "0" * 12})
    assert client_of(context, rotated).api_key.fingerprint == OTHER.fingerprint
    # The account is no part of the key: with one key alone the clip is the same, and finished with what there is.
    assert bench.make(clips[1]).key == clips[1].key


def test_a_lost_purchase_is_looked_for_in_the_account_that_it_was_sent_to(bench: Bench) -> None:
    context = bench.context(more_keys=(OTHER,))
    bench.buy(bench.clip(context, take=1))
    bench.fault("create-accept-reset")
    lost = bench.clip(context, take=2)
    receipt = bench.buy(lost)

    assert last_attempt(lost).intent.account == "studio-b"
    assert receipt.adopted
    assert len(bench.tasks()) == 2


def test_what_another_account_bought_stays_booked_without_its_key_and_no_other_key_is_asked(
    bench: Bench,
) -> None:
    bench.emulator.turn(generation_s=5000.0)
    context = bench.context(more_keys=(OTHER,))
    clips = bench.buy_takes(context, 2)

    with pytest.raises(AccountProblem, match=r"of account studio-b in .* no key of it here"):
        bench.make(bench.clip(bench.context(), take=2))
    report = asyncio.run(harvest_store(bench.context(deadline_s=0.05), PLAIN_STEPS))
    assert sorted(report.waiting) == sorted(clip.key for clip in clips)
    assert "of account studio-b" in report.waiting[clips[1].key]
    assert report.failed == {}
    assert last_attempt(clips[1]).word is None
    bench.emulator.advance(5000)
    report = asyncio.run(harvest_store(bench.context(more_keys=(OTHER,), deadline_s=300.0), PLAIN_STEPS))
    assert sorted(report.delivered) == sorted(clip.key for clip in clips), report
    assert len(bench.tasks()) == 2


def test_without_a_key_of_its_account_a_clip_is_lost_once_its_time_is_over(bench: Bench) -> None:
    bench.emulator.turn(generation_s=5000.0)
    clips = bench.buy_takes(bench.context(more_keys=(OTHER,)), 2)
    bench.emulator.advance(25 * 3600)

    with pytest.raises(ClipLost, match="no key of account studio-b"):
        bench.make(bench.clip(bench.context(), take=2))

    assert last_outcome(clips[1]).billed is None
    assert len(bench.tasks()) == 2


@pytest.mark.parametrize("made", [False, True])
def test_a_person_can_give_up_a_clip_of_an_account_without_a_key(bench: Bench, made: bool) -> None:
    bench.emulator.turn(generation_s=5000.0)
    clip = bench.buy_takes(bench.context(more_keys=(OTHER,)), 2)[1]
    if made:
        bench.emulator.advance(5000)
        asyncio.run(poll_clip(clip))
    with pytest.raises(AccountProblem, match="no key of it here"):
        bench.make(bench.clip(bench.context(), take=2))
    bench.emulator.turn(generation_s=40.0)

    response = bench.make(bench.clip(bench.context(), Permission(buy_again=True), take=2))

    assert [task["task_id"] for task in bench.tasks()][2:] == [response.task_id]
    first = clip.evidence.state().attempts[0].ended
    assert first is not None
    assert (first.status, first.billed) == ("lost", True if made else None)


def test_a_clip_that_was_made_is_lost_without_a_key_once_its_result_is_gone(bench: Bench) -> None:
    clip = bench.buy_takes(bench.context(more_keys=(OTHER,)), 2)[1]
    bench.emulator.advance(600)
    asyncio.run(poll_clip(clip))
    bench.emulator.advance(25 * 3600)

    with pytest.raises(ClipLost, match=r"no key of account studio-b.* 24 hours are over"):
        bench.make(bench.clip(bench.context(), take=2))

    assert last_outcome(clip).status == "lost"
    assert len(bench.tasks()) == 2


@pytest.mark.parametrize("region", ["cn-beijing", None])
def test_a_key_of_the_same_account_in_another_region_is_not_used(bench: Bench, region: str | None) -> None:
    bought = bench.buy(bench.clip(bench.context())).model_copy(update={"key_fingerprint": "0" * 12})
    # It is in the place of the one that bought it.
    rotated = parse_key("sk-rotated", "block", region=region)
    context = bench.context()
    context = type(context)(context.settings, context.store, find_api_key=lambda: rotated)

    assert (context.why_unasked(bought) is None) is (region is None)


@pytest.mark.parametrize("revoked", ["sk-of-studio-b", "sk-emulator"])
def test_an_account_whose_key_is_revoked_does_not_switch_off_the_comparison_of_another(
    bench: Bench, revoked: str
) -> None:
    keys = {"sk-emulator": 0, "sk-of-studio-b": 1}
    harvest_of = bench.context(more_keys=(OTHER,))
    asyncio.run(harvest_store(harvest_of, PLAIN_STEPS))
    clips = bench.buy_takes(bench.context(more_keys=(OTHER,)), 2)
    for clip in clips:
        clip.evidence.unmark_open()
    bench.emulator.turn(keys=[key for key in keys if key != revoked])

    report = asyncio.run(harvest_store(harvest_of, PLAIN_STEPS))

    bench.emulator.turn(keys=None)
    assert report.delivered == [clips[1 - keys[revoked]].key], report
    name = "studio-b" if keys[revoked] else "default"
    assert f"The tasks of the account {name} could not be listed" in "".join(report.warnings)
    assert report.account_listed


def test_a_clip_is_cancelled_with_a_key_of_the_account_that_bought_it(bench: Bench) -> None:
    bench.emulator.turn(start_delay_s=5000.0)
    context = bench.context(more_keys=(OTHER,))
    clips = bench.buy_takes(context, 2)

    assert [cancel_clip(context, clip.key, by="a test").became for clip in clips] == ["canceled"] * 2


def test_the_address_of_a_workspace_is_known_by_the_workspace_that_its_record_names(bench: Bench) -> None:
    context = bench.context()
    bought = bench.buy(bench.clip(context))
    inside = {"endpoint": endpoint("eu-central-1", "ws-7"), "workspace": "ws-7"}

    assert client_of(context, bought.model_copy(update=inside)).base_url == inside["endpoint"]
    with pytest.raises(BadRecord, match="the key is not sent"):
        client_of(context, bought.model_copy(update=inside | {"workspace": None}))


def test_what_was_spent_is_told_apart_by_account(bench: Bench) -> None:
    context = bench.context(more_keys=(OTHER,))
    for take in (1, 2):
        bench.buy(bench.clip(context, take=take))
    today = context.spending.day_of(context.provider_now())

    lines = context.spending.lines(today - timedelta(days=1), today + timedelta(days=1))
    assert {line.account for line, _ in lines} == {context.api_key.fingerprint, "studio-b"}


def test_doctor_says_which_account_s_key_is_refused_and_what_is_not_here(bench: Bench) -> None:
    def told(context: Context) -> list[tuple[str, str]]:
        found = provider_findings(context)
        return [(one.level, one.message) for one in found if one.name == "accounts"]

    alone, both = bench.context(), bench.context(more_keys=(OTHER,))
    before = told(alone), told(both)
    bench.emulator.turn(keys=["sk-emulator"])
    refused = told(both)
    bench.emulator.turn(keys=None)
    alone.key_warnings = ("The block far is not covered.",)

    assert before == ([], [("ok", "keys of other accounts that are taken: 1")])
    assert refused[0][0] == "warn"
    assert refused[0][1].startswith("studio-b, from the block b: ")
    assert told(alone) == [("warn", "The block far is not covered.")]


def test_keys_of_two_regions_are_refused_before_anything_is_sent(bench: Bench) -> None:
    far = parse_key("sk-far", "block far", region="cn-beijing", account="far")
    context = bench.context(region=None)
    context = type(context)(
        context.settings,
        context.store,
        find_api_key=lambda: parse_key("sk-near", "block near", region=REGION),
        find_more_keys=lambda: (far,),
    )
    with context, pytest.raises(AccountProblem, match="different regions"):
        probe_provider(context, REGION, "wan2.2-t2v-plus")


def test_an_account_that_could_be_no_name_of_a_limit_is_refused() -> None:
    with pytest.raises(AccountProblem, match="name that cannot be used"):
        parse_key("sk-x", "block x", account="Studio B/2")
