"""A batch against the emulator, without Prefect: every line checked first, each clip paid once, each line explained."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from linesfile import lines_file
from pictures import picture
from plainsteps import PLAIN_STEPS

from footage.batch.batch_check import prepare_batch
from footage.batch.batch_production import MOST_AT_ONCE, ClipReport, most_at_once, produce
from footage.batch.batch_report import BatchReport, read_report, write_report
from footage.batch.prepared_batch import PreparedBatch
from footage.catalogue import SWITCHES
from footage.clip import Clip, StepRunner, follow
from footage.concurrency.executors import in_thread
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import InvalidRequest, Unreachable
from footage.evidence.state import Permission, Step
from footage.order.clip_by_key import ClipByKey
from footage.order.prepared import Prepared
from footage.request import VideoRequest, VideoResponse
from footage.steps.check import enter, prepare, reopen
from footage.storyboard import Budget, Ledger
from footage.storyboard.crew import BeforeBuying, Crew, ask_running_tasks
from footage.values.money import Amount

BOAT = {"prompt": "A paper boat", "model": "wanx2.1-t2v-turbo", "size": "832*480"}
CNY = Budget(currency="CNY")


async def _make(
    context: Context, batch: PreparedBatch, steps: dict[Step, StepRunner] = PLAIN_STEPS
) -> tuple[tuple[ClipReport, ...], Ledger]:
    async def check(
        asked: Prepared | VideoRequest | ClipByKey, name: str, before_buying: BeforeBuying
    ) -> Clip:
        more: dict[str, Any] = {"name": name, "before_buying": before_buying}
        if isinstance(asked, ClipByKey):
            return await in_thread(reopen, context, asked.key, Permission(), region=asked.region, **more)
        assert isinstance(asked, Prepared)
        return await in_thread(enter, context, asked, Permission(), **more)

    async def make(clip: Clip) -> VideoResponse | None:
        return await follow(clip, steps)

    ledger = Ledger(batch.budget, "Line", "batch")
    return await produce(context, batch, most_at_once(batch, {}), ledger, Crew(check, make)), ledger


async def test_each_line_is_a_clip_and_a_bad_one_does_not_end_the_others(
    context: Context, emulator: Emulator, tmp_path: Path
) -> None:
    before = emulator.ledger()["accepted"]
    bad = {**BOAT, "id": "bad", "prompt": "No [[emulator: fail=DataInspectionFailed]]"}
    file = lines_file(tmp_path, BOAT, b"", bad, {**BOAT, "take": 2}, BOAT)

    with prepare_batch(context, None, file, CNY) as batch:
        clips, ledger = await _make(context, batch)

    told = [(clip.line, clip.id, clip.state, clip.same_as) for clip in clips]
    assert told == [
        (1, "1", "delivered", None),
        (3, "bad", "failed", None),
        (4, "4", "delivered", None),
        (5, "5", "delivered", "1"),
    ]
    assert clips[0].key == clips[3].key
    assert clips[0].video_url == clips[3].video_url != clips[2].video_url
    assert "DataInspectionFailed" in (clips[1].error or "")
    assert emulator.ledger()["accepted"] - before == 3
    assert ledger.statement().bought == sum(clip.cost.amount for clip in clips[:3] if clip.cost)

    with prepare_batch(context, None, file, CNY) as again:
        bought = again.bought(context)
        clips, ledger = await _make(context, again)

    assert {entry_id for entry_id, clip in bought.items() if clip.stored} == {"1", "4"}
    assert [clip.cached for clip in clips] == [True, False, True, True]
    assert emulator.ledger()["accepted"] - before == 3
    assert (ledger.statement().bought, ledger.statement().reserved) == (0, 0)
    assert ledger.statement().paid_before > 0


@pytest.mark.parametrize(
    ("running", "at_once"),
    [
        pytest.param({}, 64, id="nobody says"),
        pytest.param({BOAT["model"]: 2}, 64, id="few, and some more for what is delivered"),
        pytest.param({BOAT["model"]: 35}, 70, id="and as many again in the queue"),
        pytest.param({BOAT["model"]: 200}, 80, id="more than there are"),
        pytest.param({"wan2.6-i2v": 200}, 64, id="of another model"),
    ],
)
async def test_as_many_clips_are_on_their_way_as_the_accounts_make_and_queue(
    context: Context, running: dict[str, int], at_once: int
) -> None:
    begun, all_begun = 0, asyncio.Event()

    async def check(
        asked: Prepared | VideoRequest | ClipByKey, name: str, before_buying: BeforeBuying
    ) -> Clip:
        nonlocal begun
        begun += 1
        if begun == at_once:
            # Whoever may begin besides has done so.
            await asyncio.sleep(0)
            all_begun.set()
            assert begun == at_once
        async with asyncio.timeout(30):
            await all_begun.wait()
        raise Unreachable("Nobody answers.")

    requests = [{**BOAT, "prompt": "A fleet", "take": take} for take in range(1, 81)]
    with prepare_batch(context, requests, None, CNY) as batch:
        crew = Crew(check, follow_nothing)
        clips = await produce(
            context, batch, most_at_once(batch, running), Ledger(CNY, "Line", "batch"), crew
        )

    assert {clip.error for clip in clips} == {"Nobody answers."}


async def test_the_accounts_of_a_run_are_counted_together(context: Context) -> None:
    keys = [parse_key("sk-emulator-2", "test", account="other"), parse_key("sk-emulator-3", "test")]
    find = {"find_api_key": lambda: context.api_key, "find_more_keys": lambda: keys}

    with open_context(context.settings, **find) as several:  # type: ignore[arg-type]
        known = await ask_running_tasks(several, [(BOAT["model"], "cn-beijing"), ("no-model", "cn-beijing")])

    # The second key of the first account makes no more.
    assert known == {BOAT["model"]: 40}


async def follow_nothing(clip: Clip) -> VideoResponse | None:
    raise AssertionError(f"{clip.key} is not to be made")


def test_however_many_the_accounts_make_memory_sets_an_end(context: Context) -> None:
    with prepare_batch(context, [BOAT], None, CNY) as batch:
        batch.entries *= 2 * MOST_AT_ONCE

        assert most_at_once(batch, {BOAT["model"]: 10_000}) == {BOAT["model"]: MOST_AT_ONCE}


async def test_lines_that_want_another_file_of_the_same_clip_get_it_and_it_is_paid_once(
    context: Context, emulator: Emulator
) -> None:
    before = emulator.ledger()["accepted"]
    plain = {**BOAT, "prompt": "A labelled boat"}
    own = {**plain, "visible_label": "own"}

    with prepare_batch(context, [plain, own, {**plain, "conform": "never"}, own], None, CNY) as batch:
        clips, ledger = await _make(context, batch)

    assert [(clip.id, clip.state, clip.same_as) for clip in clips] == [
        ("1", "delivered", None),
        ("2", "delivered", "1"),
        ("3", "delivered", "1"),
        ("4", "delivered", "2"),
    ]
    assert [(clip.video_url or "").partition(clip.key)[2] for clip in clips] == [
        ".mp4",
        ".labelled.mp4",
        ".mp4",
        ".labelled.mp4",
    ]
    assert emulator.ledger()["accepted"] - before == 1
    assert batch.quote.clips == 1
    assert clips[0].cost is not None
    assert (ledger.statement().bought, ledger.statement().paid_before) == (clips[0].cost.amount, 0)


async def test_where_there_is_no_clip_no_other_file_of_it_is_asked_for(
    context: Context, emulator: Emulator
) -> None:
    before = emulator.ledger()["creates"]
    bad = {**BOAT, "prompt": "No label [[emulator: fail=DataInspectionFailed]]"}
    own = {**bad, "visible_label": "own"}

    with prepare_batch(context, [bad, own, own], None, CNY) as batch:
        clips, _ = await _make(context, batch)

    assert [(clip.state, clip.same_as) for clip in clips] == [
        ("failed", None),
        ("failed", "1"),
        ("failed", "2"),
    ]
    assert len({clip.error for clip in clips}) == 1
    assert emulator.ledger()["creates"] - before == 1


async def test_a_line_may_name_the_key_of_a_clip_that_was_ordered_before(context: Context) -> None:
    with prepare_batch(context, [BOAT | {"take": 7}], None, CNY) as batch:
        (made,), _ = await _make(context, batch)
    with prepare_batch(context, [{"id": "again", "key": made.key}], None, CNY) as batch:
        (again,), _ = await _make(context, batch)

    assert (again.id, again.key, again.video_url) == ("again", made.key, made.video_url)


def test_a_line_that_names_a_key_is_priced_for_the_region_of_the_key_that_buys(context: Context) -> None:
    kite = BOAT | {"model": "wan2.2-t2v-plus"}
    key = enter(context, prepare(context, kite), Permission()).key
    elsewhere = context.settings.model_copy(update={"region": "ap-southeast-1"})
    batch = prepare_batch(context, [{"key": key}, kite | {"take": 2}], None, CNY)

    with open_context(elsewhere, find_api_key=lambda: context.api_key) as buyer:
        moved = batch.for_key_of(buyer)

    assert [entry.region for entry in batch.entries] == ["cn-beijing"] * 2
    assert [entry.region for entry in moved.entries] == ["ap-southeast-1"] * 2
    assert len({entry.quote.amount for entry in moved.entries}) == 1
    assert moved.entries[0].quote.amount != batch.entries[0].quote.amount
    batch.close()


async def test_a_record_that_does_not_fit_holds_up_no_other_line(
    context: Context, emulator: Emulator
) -> None:
    before = emulator.ledger()["accepted"]
    requests = [BOAT | {"prompt": "A damaged boat", "take": take} for take in (1, 2)]

    with prepare_batch(context, requests, None, CNY) as batch:
        intent = f"evidence/{batch.entries[0].key}/attempt-1/intent.json"
        context.store.create(intent, b"{")
        due = batch.due(batch.bought(context))
        clips, _ = await _make(context, batch)

    assert due.clips == 1
    assert [clip.state for clip in clips] == ["unfinished", "delivered"]
    assert f"{intent} does not fit" in (clips[0].error or "")
    assert emulator.ledger()["accepted"] - before == 1


def test_a_line_may_say_where_a_clip_is_bought_that_was_ordered_before(context: Context) -> None:
    kite = BOAT | {"model": "wan2.2-t2v-plus"}
    key = enter(context, prepare(context, kite | {"region": "cn-beijing"}), Permission()).key
    line = {"key": key, "region": "ap-southeast-1", "max_cost": "0.70 CNY"}

    with prepare_batch(context, [line], None, CNY) as batch, open_context(context.settings) as buyer:
        (entry,) = batch.entries
        asked = batch.asked(entry)
        (moved,) = batch.for_key_of(buyer).entries

    assert asked == ClipByKey(key, "ap-southeast-1", Amount(Decimal("0.70"), "CNY"))
    assert entry.region == moved.region == "ap-southeast-1"
    with pytest.raises(InvalidRequest) as caught:
        prepare_batch(context, [line | {"region": "eu-central-1"}], None, CNY)
    assert caught.value.problems[0].field == "requests[1].region"


@pytest.mark.parametrize("stopped_at", [Step.POLL, None])
async def test_a_run_that_is_started_over_counts_what_it_bought_before_as_its_own(
    context: Context, stopped_at: Step | None
) -> None:
    async def killed(_: Clip) -> None:
        raise Unreachable("The process ended.")

    lines = [BOAT | {"prompt": "Counted", "take": take} for take in (1, 2)]
    with prepare_batch(context, lines[:1], None, CNY) as batch:
        await _make(context, batch)
    steps = {**PLAIN_STEPS, stopped_at: killed} if stopped_at else PLAIN_STEPS
    for began_at in (None, datetime.now(UTC)):
        run = open_context(
            context.settings, find_api_key=lambda: context.api_key, run_id="run-1", run_began_at=began_at
        )
        with run, prepare_batch(run, lines, None, CNY) as batch:
            clips, ledger = await _make(run, batch, steps if began_at is None else PLAIN_STEPS)

    assert [clip.state for clip in clips] == ["delivered"] * 2
    told = ledger.statement()
    assert (told.bought, told.paid_before) == tuple(clip.cost.amount for clip in clips if clip.cost)


@pytest.mark.parametrize("other", [{"max_cost": "70 CNY"}, {"region": "ap-southeast-1"}, {}])
def test_lines_that_ask_for_one_clip_on_different_terms_are_refused(
    context: Context, other: dict[str, str]
) -> None:
    kite = BOAT | {"model": "wan2.2-t2v-plus", "region": "cn-beijing"}
    key = enter(context, prepare(context, kite), Permission()).key
    limited = {"key": key, "max_cost": "0.10 CNY"}

    with pytest.raises(InvalidRequest, match="line 1 asks for the same clip") as caught:
        prepare_batch(context, [limited, {**limited, **other} if other else kite], None, CNY)
    assert [problem.field for problem in caught.value.problems] == ["requests[2].key"]
    with prepare_batch(context, [limited, limited], None, CNY) as batch:
        assert len(batch.clips) == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"key": "…", "max_cost": "0.10 CNY"}, {"key": "…", "max_cost": "70 CNY"}),
        ({"key": "…", "max_cost": "0.10 CNY"}, {"key": "…"}),
        (BOAT, BOAT | {"visible_label": "own"}),
        (BOAT, BOAT | {"conform": "never"}),
    ],
)
def test_a_run_that_is_started_again_tells_that_a_line_has_other_terms(
    context: Context, first: dict[str, str], then: dict[str, str]
) -> None:
    key = enter(context, prepare(context, BOAT), Permission()).key
    before, after = ({**line, "key": key} if "key" in line else line for line in (first, then))

    with (
        prepare_batch(context, [before], None, CNY) as batch,
        prepare_batch(context, [after], None, CNY) as other,
    ):
        assert batch.name == other.name
        assert batch.fingerprint != other.fingerprint


async def test_the_report_says_of_each_line_what_became_of_it(context: Context) -> None:
    with prepare_batch(context, [BOAT | {"take": 8}], None, CNY) as batch:
        clips, ledger = await _make(context, batch)
    report = BatchReport.of(batch.name, "the run", clips, ledger.statement())

    write_report(context.store, report)

    assert read_report(context.store, batch.name) == report
    assert report.complete
    (told,) = json.loads(context.store.read(f"batches/{batch.name}/report.json"))["clips"]
    assert (told["key"], told["state"], told["error"]) == (clips[0].key, "delivered", None)
    assert told["cost"]["currency"] == "CNY"


async def test_the_cap_holds_over_all_lines(context: Context) -> None:
    requests = [{**BOAT, "prompt": "A cap", "take": take} for take in range(1, 5)]

    # Each has 5 s, so that the third one would pass it.
    with prepare_batch(context, requests, None, Budget(currency="CNY", max_seconds=Decimal(12))) as batch:
        clips, ledger = await _make(context, batch)

    assert sorted(clip.state for clip in clips) == ["delivered", "delivered", "held", "held"]
    assert ledger.statement().bought_seconds == 10


def test_what_is_bought_is_what_was_checked_with_its_picture(context: Context) -> None:
    image = base64.b64encode(picture()).decode()
    asked = {"prompt": "A face", "reference_image": f"data:image/png;base64,{image}", "duration": 2}

    with prepare_batch(context, [asked, {**asked, "take": 2}], None, CNY) as batch:
        one, two = (batch.asked(entry) for entry in batch.entries)

    assert isinstance(one, Prepared)
    assert isinstance(two, Prepared)
    assert one.image_bytes == two.image_bytes
    assert one.image_bytes
    assert one.order.image is not None
    # Both lines share one copy on disk.
    assert batch.entries[0].image == batch.entries[1].image


async def test_lines_with_the_same_reference_are_bought_with_its_bytes(
    context: Context, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCHES, "+wan3.0-video")
    (tmp_path / "ella.png").write_bytes(picture(640, 360))
    asked = {"model": "wan3.0-video", "size": "832*480", "duration": 2}
    references = [{"image": str(tmp_path / "ella.png")}]
    lines = [{**asked, "prompt": f"Image 1 waves, {number}", "references": references} for number in (1, 2)]

    with prepare_batch(context, lines, None, CNY) as batch:
        (tmp_path / "ella.png").unlink()
        reports, _ = await _make(context, batch)

    assert [report.state for report in reports] == ["delivered", "delivered"]
    sent = {
        json.dumps(task["body"]["input"]["media"])
        for task in emulator.tasks()
        if "media" in task["body"]["input"]
    }
    # One upload for both.
    assert len(sent) == 1
