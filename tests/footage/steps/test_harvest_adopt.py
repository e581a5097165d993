"""What finishes clips that nobody drives any more: harvest."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_receipt
from countedstore import CountedStore
from plainsteps import PLAIN_STEPS
from waiting import until

from footage.clip import Clip, follow
from footage.concurrency.executors import in_thread
from footage.errors import ClipLost, InvalidRequest, StillRunning
from footage.evidence.lease import Lease, Worker
from footage.evidence.records import Outcome
from footage.evidence.run_log import RunLog, collect_from, recorded
from footage.evidence.state import Permission, Step
from footage.steps.harvest import CLIPS_AT_ONCE, harvest_store
from footage.steps.open_clips import look
from footage.storage import open_store


def book(bench: Bench, generation_s: float = 5000.0, **request: Any) -> Any:
    """A clip that is bought and left alone."""
    bench.emulator.turn(generation_s=generation_s)
    clip = bench.clip(bench.context(deadline_s=0.05), **request)
    with pytest.raises(StillRunning):
        bench.make(clip)
    return clip


def run_harvest(bench: Bench, **settings: Any) -> Any:
    return asyncio.run(harvest_store(bench.context(**settings), PLAIN_STEPS))


def test_harvest_finishes_what_was_bought_and_buys_nothing(bench: Bench) -> None:
    clips = [book(bench, take=take) for take in (1, 2, 3)]
    bench.clip(take=4)
    bench.emulator.advance(6_000)

    report = run_harvest(bench)

    assert sorted(report.delivered) == sorted(clip.key for clip in clips), report
    assert len(bench.tasks()) == 3
    assert look(bench.context().store).unfinished == []


def test_a_clip_that_was_called_lost_in_a_hiccup_is_delivered_once_its_task_is_listed(bench: Bench) -> None:
    bench.emulator.turn(generation_s=0.0)
    bench.fault("list-lag", seconds=3600)
    bench.fault("unknown-at-first", polls=3)
    clip = bench.clip(bench.context())
    bench.buy(clip)
    # It is believed at once here, and not over minutes.
    with pytest.raises(ClipLost):
        bench.make(bench.clip(bench.context(reconcile_grace_s=0.0)))
    assert not clip.evidence.is_marked_open()
    bench.emulator.advance(3600)

    report = run_harvest(bench)

    assert report.delivered == [clip.key], report
    assert len(bench.tasks()) == 1
    assert not clip.evidence.is_marked_open()


@pytest.mark.parametrize("said", ["lost", "failed", "canceled"])
@pytest.mark.parametrize("generation_s", [0.0, 80_000.0])
def test_a_task_that_is_listed_as_billed_and_over_by_its_record_is_taken_up_again(
    bench: Bench, said: Any, generation_s: float
) -> None:
    bench.emulator.turn(generation_s=generation_s)
    clip = bench.clip(bench.context())
    bench.buy(clip)
    clip.evidence.write_outcome(
        Outcome(key=clip.key, attempt=1, status=said, decided_at=datetime.now(UTC), billed=False)
    )
    clip.evidence.unmark_open()
    bench.emulator.advance(60)

    report = run_harvest(bench, deadline_s=0.05 if generation_s else 8.0)

    done = [*report.waiting] if generation_s else report.delivered
    assert done == [clip.key], report
    assert clip.evidence.is_marked_open() is bool(generation_s)
    assert len(bench.tasks()) == 1


def test_a_result_that_could_not_be_had_is_not_asked_for_by_every_harvest(bench: Bench) -> None:
    bench.emulator.turn(generation_s=0.0)
    clip = bench.clip(bench.context())
    bench.buy(clip)
    for said in ("succeeded", "lost"):
        clip.evidence.write_outcome(
            Outcome(key=clip.key, attempt=1, status=said, decided_at=datetime.now(UTC), billed=True)
        )
    clip.evidence.unmark_open()
    bench.emulator.advance(60)
    files = clip.context.store.list(clip.evidence.folder)

    report = run_harvest(bench)

    assert (report.delivered, report.waiting, report.failed) == ([], {}, {})
    assert clip.context.store.list(clip.evidence.folder) == files


def test_the_clip_that_expires_first_comes_first(bench: Bench) -> None:
    clips = []
    for take in (1, 2, 3):
        clips.append(book(bench, take=take))
        bench.emulator.advance(3600)

    assert [found.key for found in look(bench.context().store).unfinished] == [clip.key for clip in clips]


def test_people_are_warned_before_a_result_expires(bench: Bench) -> None:
    early = book(bench, take=1)
    bench.emulator.advance(21 * 3600)
    book(bench, take=2)
    warned: list[str] = []

    asyncio.run(
        harvest_store(
            bench.context(deadline_s=0.05),
            PLAIN_STEPS,
            on_expiring=lambda unfinished: warned.append(unfinished.key),
        )
    )

    assert warned == [early.key]


def test_a_clip_that_nobody_can_settle_expires_once_and_gains_no_file_by_being_looked_at(
    bench: Bench,
) -> None:
    clip = book(bench)
    store = bench.context().store
    expired: list[str] = []
    told: list[tuple[int, int]] = []
    files: list[list[str]] = []

    for hours in (1, 20, 1, 4, 1):
        bench.emulator.advance(hours * 3600)
        # The provider does not tell what became of it.
        bench.fault("query-503", times=None)
        report = asyncio.run(
            harvest_store(
                bench.context(), PLAIN_STEPS, on_expired=lambda unfinished: expired.append(unfinished.key)
            )
        )
        bench.emulator.clear_faults()
        told.append((len(report.expiring), len(report.expired)))
        files.append(store.list(clip.evidence.folder))

    assert told == [(0, 0), (1, 0), (1, 0), (0, 1), (0, 0)]
    assert expired == [clip.key]
    assert files[-1] == files[0]


def test_harvest_says_why_a_clip_will_not_come(bench: Bench) -> None:
    bench.fault("failed-DataInspectionFailed")
    bench.emulator.turn(generation_s=5000.0)
    clip = bench.clip(bench.context(deadline_s=0.05))
    with pytest.raises(StillRunning):
        bench.make(clip)
    bench.emulator.advance(6_000)

    report = run_harvest(bench)

    assert "DataInspectionFailed" in report.failed[clip.key]
    assert "--retry-failed" in report.failed[clip.key]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("request.json", b"{"),
        ("request.json", b"[]"),
        ("attempt-1/intent.json", b""),
        ("attempt-1/receipt.json", b"{}"),
    ],
)
def test_one_clip_whose_evidence_is_damaged_does_not_hold_up_the_others(
    bench: Bench, name: str, content: bytes
) -> None:
    bad, good = book(bench, take=1), book(bench, take=2)
    bench.emulator.advance(6_000)
    bad.context.store.replace(f"evidence/{bad.key}/{name}", content)

    report = run_harvest(bench)

    assert report.delivered == [good.key], report
    assert name in report.failed[bad.key]
    assert "restore" in report.failed[bad.key]


def test_harvest_leaves_a_clip_to_the_worker_that_makes_it_and_does_not_wait(bench: Bench) -> None:
    clip = book(bench)
    owner = Worker(clip.context.store, 1.0)
    lease = Lease(clip.context.store, clip.key, owner)
    lease.take(lease.look())
    bench.emulator.advance(6_000)
    began_s = time.monotonic()

    report = run_harvest(bench, deadline_s=60.0)

    owner.stop()
    assert report.delivered == []
    assert owner.id in report.waiting[clip.key]
    assert time.monotonic() - began_s < 30


def test_harvest_looks_at_the_clip_of_another_worker_as_often_as_that_one_shows_that_it_lives(
    bench: Bench,
) -> None:
    clip = book(bench)
    owner = Worker(clip.context.store, 9.0)
    lease = Lease(clip.context.store, clip.key, owner)
    lease.take(lease.look())
    context = bench.context(wrap=CountedStore, deadline_s=60.0, lease_s=9.0)
    counted: Any = context.store

    report = asyncio.run(harvest_store(context, PLAIN_STEPS))

    owner.stop()
    assert owner.id in report.waiting[clip.key]
    # Its heartbeat comes every three seconds.
    looks = [call for call in counted.asked if call == ("read", f"{lease.folder}/{lease.number}.json")]
    assert len(looks) == 2, counted.asked


def test_harvest_waits_once_for_a_sign_of_life_of_a_worker_and_not_for_each_of_its_clips(
    bench: Bench,
) -> None:
    clips = [book(bench, take=take) for take in (1, 2, 3)]
    owner = Worker(clips[0].context.store, 9.0)
    leases = [Lease(clip.context.store, clip.key, owner) for clip in clips]
    for lease in leases:
        lease.take(lease.look())
    context = bench.context(wrap=CountedStore, deadline_s=60.0, lease_s=9.0)
    counted: Any = context.store

    # More than may be worked on at once are asked for twice.
    report = asyncio.run(harvest_store(context, PLAIN_STEPS, at_once=1))

    owner.stop()
    assert set(report.waiting) == {clip.key for clip in clips}
    own = {("read", f"{lease.folder}/{lease.number}.json") for lease in leases}
    looks = [call for call in counted.asked if call in own]
    assert len(looks) == 1 + 2 * len(clips), counted.asked


def test_a_key_of_no_clip_is_refused_and_one_of_a_finished_clip_is_noted(bench: Bench) -> None:
    done = bench.make(bench.clip())

    with pytest.raises(InvalidRequest, match="keys = 'feedface': No clip in this store"):
        asyncio.run(harvest_store(bench.context(), PLAIN_STEPS, keys=(done.key, "feedface")))
    report = asyncio.run(harvest_store(bench.context(), PLAIN_STEPS, keys=(done.key[:8].upper(),)))

    assert report.warnings == [f"Clip {done.key[:8]} has nothing to finish."]


def test_tasks_that_nobody_here_claims_are_reported(bench: Bench) -> None:
    clip = book(bench)
    elsewhere = open_store(str(bench.folder / "elsewhere"))
    assert elsewhere.list() == []
    bench.fault("failed-DataInspectionFailed")
    failed = clip.client().create(clip.wire_body()).task_id
    bench.emulator.advance(6_000)
    stranger = clip.client().create(clip.wire_body()).task_id

    found = run_harvest(bench, deadline_s=0.05).strangers

    mine = last_receipt(bench.clip()).task_id
    assert any(line.startswith(stranger) for line in found)
    assert not any(line.startswith(failed) for line in found), "nothing is owed for it, and nothing will come"
    assert not any(line.startswith(mine) for line in found)


def test_a_clip_can_be_finished_with_its_image_gone(bench: Bench, tmp_path: Any) -> None:
    from PIL import Image

    from footage.steps.check import reopen

    picture = tmp_path / "first.png"
    Image.linear_gradient("L").resize((640, 360)).convert("RGB").save(picture)
    bench.fault("create-refused-Arrearage")
    clip = bench.clip(model="wan2.6-i2v-flash", size="1280*720", reference_image=str(picture))
    with pytest.raises(Exception, match="Arrearage"):
        bench.make(clip)
    picture.unlink()

    response = bench.make(reopen(bench.context(), clip.key, Permission()))

    assert response.task_id == bench.tasks()[0]["task_id"]


@pytest.mark.slow
def test_the_log_of_one_clip_has_no_line_about_another(bench: Bench) -> None:
    collect_from("footage")
    context = bench.context()

    async def one(take: int) -> Any:
        clip = await in_thread(lambda: bench.clip(context, take=take, prompt=f"{bench.prompt} {take}"))
        await follow(clip, PLAIN_STEPS)
        return clip

    async def run() -> list[Any]:
        with recorded(RunLog()):
            logging.getLogger("footage.test").info("the run begins")
            return await asyncio.gather(*(one(take) for take in range(1, 7)))

    clips = asyncio.run(run())

    for clip in clips:
        log = context.store.read(f"evidence/{clip.key}/run.log").decode()
        assert "the run begins" in log
        assert clip.key[:12] in log
        assert [other.key[:12] for other in clips if other is not clip and other.key[:12] in log] == []


def test_the_log_of_each_clip_begins_with_what_its_run_said_before(bench: Bench) -> None:
    collect_from("footage")
    said = logging.getLogger("footage.test_beginning")
    with recorded(RunLog()):
        said.info("the key is accepted")
        first, second = bench.clip(take=1), bench.clip(take=2)
        bench.make(first)
        said.info("said between the two")
        bench.make(second)

    for clip in (first, second):
        lines = clip.context.store.read(f"evidence/{clip.key}/run.log").decode().splitlines()
        assert "the key is accepted" in lines[0]
        assert not any("said between the two" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(("waiting", "at_once"), [(12, CLIPS_AT_ONCE), (4, 3)])
async def test_a_clip_that_is_made_does_not_wait_for_many_that_are_not(
    bench: Bench, waiting: int, at_once: int
) -> None:
    for take in range(1, waiting + 1):
        await in_thread(book, bench, generation_s=80_000.0, take=take)
    bench.emulator.turn(generation_s=0.0)
    # Bought last, so it expires last and has its turn last.
    ready = bench.clip(bench.context(), take=99)
    await in_thread(bench.buy, ready)
    await in_thread(until, lambda: bench.tasks()[-1]["status"] == "SUCCEEDED", "it is made")
    delivered = asyncio.Event()
    asked = set[str]()
    most = 0

    async def deliver(clip: Clip) -> Any:
        await PLAIN_STEPS[Step.DELIVER](clip)
        assert clip.key == ready.key
        delivered.set()

    async def poll(clip: Clip) -> Any:
        nonlocal most
        asked.add(clip.key)
        most = max(most, len(asked))
        try:
            await PLAIN_STEPS[Step.POLL](clip)
        finally:
            asked.remove(clip.key)

    steps = {**PLAIN_STEPS, Step.DELIVER: deliver, Step.POLL: poll}
    harvest = asyncio.create_task(harvest_store(bench.context(deadline_s=60.0), steps, at_once=at_once))
    try:
        async with asyncio.timeout(20):
            await delivered.wait()
        assert 1 < most <= at_once
    finally:
        harvest.cancel()
        await asyncio.gather(harvest, return_exceptions=True)


def test_a_clip_that_is_looked_at_again_and_again_gains_no_files(bench: Bench) -> None:
    store = book(bench).context.store

    def rooms() -> list[str]:
        """The room of each file but those of living workers."""
        return [name.partition("/")[0] for name in store.list() if not name.startswith("workers/")]

    run_harvest(bench, deadline_s=0.05)
    before = rooms()
    for _ in range(3):
        run_harvest(bench, deadline_s=0.05)

    assert rooms() == before


def test_a_clip_without_any_attempt_is_not_called_delivered(bench: Bench) -> None:
    clip = book(bench)
    evidence = bench.folder / "alicloud-ai-video-wan-video" / "evidence" / clip.key
    context = Torn(bench.context().store, evidence / "attempt-1")

    report = asyncio.run(harvest_store(bench.context(wrap=lambda _: context), PLAIN_STEPS))

    assert report.delivered == []
    assert any("has nothing to finish" in warning for warning in report.warnings)


class Torn:
    """A store whose one attempt is lost right after it was listed for the first time."""

    def __init__(self, store: Any, attempt: Path) -> None:
        self._store = store
        self._attempt = attempt
        self._listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str = "") -> list[str]:
        found = self._store.list(prefix)
        if prefix.startswith("evidence/") and self._attempt.exists():
            self._listed += 1
            if self._listed == 1:
                # Its records are still read by who listed them.
                return found
            shutil.rmtree(self._attempt)
            found = self._store.list(prefix)
        return found
