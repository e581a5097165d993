"""Runs side by side share the provider's slots: each has no more there than is made at once, and as many queued."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench import MODEL, Bench
from countedstore import CountedStore
from plainsteps import PLAIN_STEPS
from rawserver import Act, Exchange, RawServer, reply
from waiting import until

from footage.clip import Clip, follow
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import Canceled, Refused
from footage.evidence.state import Permission, Step
from footage.pacing.rate_limits import AS_DOCUMENTED, CreatePace, ProcessRateLimits
from footage.push.wake_ups import wake
from footage.request import VideoResponse
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare
from footage.steps.submit import submit_clip
from footage.storage import open_store

SLOTS = 2
OTHER = parse_key("sk-of-studio-b", "block b", account="studio-b")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Makes two clips at once, takes any number, and says so."""
    knobs = {"render": "tiny", "render_workers": 1, "generation_s": 40.0, "generation_jitter": 0.0}
    with Emulator(speed=400, concurrency=SLOTS, submit_rps=1000, query_qps=None, **knobs) as running:
        yield running


def _asked(bench: Bench, take: int) -> dict[str, Any]:
    return {"prompt": bench.prompt, "model": MODEL, "size": "832*480", "conform": "never", "take": take}


async def _make_all(clips: list[Clip]) -> None:
    await asyncio.gather(*(follow(clip, PLAIN_STEPS) for clip in clips))


@pytest.mark.slow
def test_a_short_board_does_not_wait_behind_all_of_a_long_one(emulator: Emulator, tmp_path: Path) -> None:
    long, short = (Bench(emulator, tmp_path / name) for name in ("long", "short"))
    contexts = [bench.context(deadline_s=60.0) for bench in (long, short)]
    begun = asyncio.Event()
    many = [
        enter(contexts[0], prepare(contexts[0], asked), Permission(), before_buying=lambda _: begun.set())
        for asked in (_asked(long, take) for take in range(1, 25))
    ]
    few = [short.clip(contexts[1], take=take) for take in range(1, 5)]

    async def second() -> None:
        await begun.wait()
        await _make_all(few)

    async def both() -> None:
        await asyncio.gather(_make_all(many), second())

    asyncio.run(both())

    prompts = [task["body"]["input"]["prompt"] for task in sorted(emulator.tasks(), key=_sent_s)]
    assert len(prompts) == 28
    last_of_few = max(number for number, prompt in enumerate(prompts) if prompt.startswith(short.prompt))
    # What the long board had there when the short one came, one of it for each of ours, and as many once more for a
    # machine that is busy.
    assert last_of_few - len(few) <= 2 * SLOTS + 2 * len(few)
    for bench in (long, short):
        bench.close()


def test_clips_that_do_not_get_to_the_provider_hold_no_place(emulator: Emulator, tmp_path: Path) -> None:
    bench = Bench(emulator, tmp_path)
    context = bench.context()
    # As many as have a place.
    bench.fault("create-refused-DataInspectionFailed", times=2 * SLOTS)
    clips = [bench.clip(context, take=take) for take in range(1, 2 * SLOTS + 3)]

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(follow(clip, PLAIN_STEPS) for clip in clips), return_exceptions=True)

    ends = asyncio.run(all_of_them())

    assert sum(isinstance(end, Refused) for end in ends) == 2 * SLOTS
    assert len(bench.tasks()) == 2
    bench.close()


def test_a_clip_that_is_being_stored_holds_no_place(emulator: Emulator, tmp_path: Path) -> None:
    bench = Bench(emulator, tmp_path)
    context = bench.context(deadline_s=60.0)
    asked, all_asked = itertools.count(1), asyncio.Event()
    count = 2 * SLOTS + 1

    def counted(_: Clip) -> None:
        if next(asked) == count:
            all_asked.set()

    @contextlib.asynccontextmanager
    async def closed_until_then() -> AsyncGenerator[None]:
        await asyncio.wait_for(all_asked.wait(), 30)
        yield

    clips = [
        enter(
            context,
            prepare(context, _asked(bench, take)),
            Permission(),
            before_buying=counted,
            delivery_gate=closed_until_then,
        )
        for take in range(1, count + 1)
    ]

    asyncio.run(_make_all(clips))

    assert all(clip.response is not None for clip in clips)
    bench.close()


def test_a_clip_that_waits_for_a_place_is_cancelled_at_once(emulator: Emulator, tmp_path: Path) -> None:
    bench = Bench(emulator, tmp_path)
    emulator.turn(generation_s=1e9)
    context = bench.context(deadline_s=600.0)
    bought, sent = asyncio.Event(), set[str]()

    def counted(clip: Clip) -> None:
        sent.add(clip.key)
        if len(sent) == 2 * SLOTS:
            bought.set()

    made = [
        enter(context, prepare(context, _asked(bench, take)), Permission(), before_buying=counted)
        for take in range(1, 2 * SLOTS + 2)
    ]

    async def cancel_who_waits() -> None:
        driven = {clip.key: asyncio.create_task(follow(clip, PLAIN_STEPS)) for clip in made}
        await bought.wait()
        # The provider has the others, and keeps them.
        [waits] = [clip for clip in made if clip.key not in sent]
        await asyncio.to_thread(cancel_clip, bench.context(), waits.key, "somebody")
        await asyncio.wait({driven[waits.key]}, timeout=30)
        ended = [key for key, task in driven.items() if task.done()]
        at_the_provider = {task["status"] for task in bench.tasks()}
        for task in driven.values():
            task.cancel()
        ends = await asyncio.gather(*driven.values(), return_exceptions=True)
        assert ended == [waits.key], ends
        assert at_the_provider == {"RUNNING", "PENDING"}, "it waited until there was a place"
        assert isinstance(driven[waits.key].exception(), Canceled)

    asyncio.run(cancel_who_waits())
    bench.close()


def test_a_clip_that_waits_for_a_place_asks_the_store_for_nothing(emulator: Emulator, tmp_path: Path) -> None:
    bench = Bench(emulator, tmp_path)
    emulator.turn(generation_s=1e9)
    stores: list[CountedStore] = []

    def counted(store: Any) -> CountedStore:
        stores.append(CountedStore(store))
        return stores[-1]

    context = bench.context(deadline_s=600.0, wrap=counted)
    [store], plain = stores, open_store(context.settings.store_url)
    bought, sent = asyncio.Event(), set[str]()

    def note(clip: Clip) -> None:
        sent.add(clip.key)
        if len(sent) == 2 * SLOTS:
            bought.set()

    made = [
        enter(context, prepare(context, _asked(bench, take)), Permission(), before_buying=note)
        for take in range(1, 2 * SLOTS + 2)
    ]

    async def wake_who_waits() -> list[tuple[str, str]]:
        driven = [asyncio.create_task(follow(clip, PLAIN_STEPS)) for clip in made]
        await bought.wait()
        [waits] = [clip.key for clip in made if clip.key not in sent]
        before = 0
        # Whatever wakes it: in an object store each look is a request, for every clip in line.
        for _ in range(3):
            wake(plain, waits)
            await asyncio.to_thread(until, lambda: not plain.list("wakeups"), "its note is taken")
            # It is in line since its first note was taken.
            before = before or len(store.asked)
        asked = [(name, path) for name, path in store.asked[before:] if waits in path]
        for task in driven:
            task.cancel()
        await asyncio.gather(*driven, return_exceptions=True)
        return [(name, path) for name, path in asked if path.startswith("evidence/")]

    assert asyncio.run(wake_who_waits()) == []
    bench.close()


def test_each_account_gets_clips_by_its_quota_from_the_first_one_on(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.turn(generation_s=1e9, accounts=[OTHER.reveal()])
    bench = Bench(emulator, tmp_path)
    bought, accounts = asyncio.Event(), list[str | None]()

    def count(clip: Clip) -> None:
        accounts.append(clip.account)
        if len(accounts) == 12:
            bought.set()

    with RawServer(_with_quotas(emulator, {"sk-emulator": 5, OTHER.reveal(): 1})) as gateway:
        plain = bench.context(more_keys=(OTHER,))
        settings = plain.settings.model_copy(update={"http_base_url": gateway.base_url})
        with type(plain)(
            settings,
            plain.store,
            find_api_key=lambda: plain.api_key,
            find_more_keys=lambda: (OTHER,),
        ) as context:
            clips = [
                enter(context, prepare(context, _asked(bench, take)), Permission(), before_buying=count)
                for take in range(1, 13)
            ]

            async def buy_all() -> None:
                driven = [asyncio.create_task(follow(clip, PLAIN_STEPS)) for clip in clips]
                await asyncio.wait_for(bought.wait(), 60)
                for task in driven:
                    task.cancel()
                await asyncio.gather(*driven, return_exceptions=True)

            asyncio.run(buy_all())

    assert Counter(accounts) == {None: 10, OTHER.account: 2}
    bench.close()


def _with_quotas(emulator: Emulator, running_tasks: dict[str, int]) -> Act:
    """The emulator, where each key makes so many clips at once."""
    port = urlsplit(emulator.base_url).port

    def act(exchange: Exchange) -> bool:
        asked = exchange.request
        if "/quotas" in asked.target:
            tasks = running_tasks[asked.headers["authorization"].removeprefix("Bearer ")]
            limits = {
                "request_limit": 1000,
                "request_limit_period": 1,
                "async_user_concurrency_limit": tasks,
            }
            return reply({"output": {"quotas": [{"model": MODEL, "model_limit": limits}]}})(exchange)
        with contextlib.closing(HTTPConnection("127.0.0.1", port)) as there:
            headers = {name: text for name, text in asked.headers.items() if name != "accept-encoding"}
            there.request(asked.method, asked.target, asked.body, headers)
            answer = there.getresponse()
            kept = {
                name: text
                for name, text in answer.getheaders()
                if name.lower() not in ("connection", "content-length", "transfer-encoding")
            }
            return reply(answer.read(), answer.status, kept)(exchange)

    return act


def test_a_clip_that_is_refused_goes_to_another_account_and_no_other_is_sent_to_the_first(
    emulator: Emulator, tmp_path: Path
) -> None:
    bench = Bench(emulator, tmp_path)
    context = bench.context(more_keys=(OTHER,), deadline_s=60.0)
    turns = context.rate_limits = _OneBeforeRefusal(1000.0)
    emulator.turn(accounts=[OTHER.reveal()], keys=["sk-emulator"])
    clips = [bench.clip(context, take=take) for take in range(1, 13)]

    async def submit(clip: Clip) -> None:
        if await submit_clip(clip) is None:
            turns.refused.set()

    async def make_all() -> list[VideoResponse | None]:
        steps = {**PLAIN_STEPS, Step.SUBMIT: submit}
        return await asyncio.wait_for(asyncio.gather(*(follow(clip, steps) for clip in clips)), 120)

    assert None not in asyncio.run(make_all())
    # Others had a place there, or waited for one.
    assert len([one for clip in clips for one in clip.evidence.state().attempts]) == 13
    assert len(bench.tasks()) == 12
    bench.close()


class _OneBeforeRefusal(ProcessRateLimits):
    """Gives the other account's first clip its turn, and the others one when that was refused."""

    def __init__(self, queries_per_second: float) -> None:
        super().__init__(queries_per_second)
        self.refused = asyncio.Event()
        self._first = True

    async def create_turn(self, model: str, pace: CreatePace = AS_DOCUMENTED) -> None:
        first, self._first = self._first, self._first and pace.account != OTHER.account
        if pace.account == OTHER.account and not first:
            await self.refused.wait()


def _sent_s(task: dict[str, float]) -> float:
    return task["submitted_s"]
