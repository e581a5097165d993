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
from footage.errors import AccountProblem, Canceled, Refused
from footage.evidence.state import Permission
from footage.pacing.in_flight import InFlight
from footage.pacing.rate_limits import AS_DOCUMENTED, CreatePace, ProcessRateLimits
from footage.provider import WanClient
from footage.push.wake_ups import wake
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare
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


def test_an_account_that_refuses_costs_the_clips_that_were_sent_to_it_and_no_others(
    emulator: Emulator, tmp_path: Path
) -> None:
    bench = Bench(emulator, tmp_path)
    context = bench.context(more_keys=(OTHER,), deadline_s=60.0)
    turns = context.rate_limits = _OneBeforeRefusal(1000.0)
    emulator.turn(accounts=[OTHER.reveal()], keys=["sk-emulator"])
    clips = [bench.clip(context, take=take) for take in range(1, 13)]

    async def make(clip: Clip) -> bool:
        try:
            return await follow(clip, PLAIN_STEPS) is not None
        except AccountProblem:
            turns.refused.set()
            return False

    async def make_all() -> list[bool]:
        return await asyncio.wait_for(asyncio.gather(*(make(clip) for clip in clips)), 120)

    made = asyncio.run(make_all())

    # Others had a place there, or waited for one.
    assert made.count(False) == 1
    assert len(bench.tasks()) == 11
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


@pytest.fixture
def client() -> Iterator[WanClient]:
    with WanClient("https://dashscope-intl.aliyuncs.com/api/v1", parse_key("sk-x", "test")) as made:
        yield made


async def _enter(flight: InFlight, client: WanClient, names: str) -> list[asyncio.Task[WanClient]]:
    tasks = [asyncio.create_task(flight.enter((client,), MODEL, name)) for name in names]
    await _turns()
    return tasks


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _inside(tasks: list[asyncio.Task[WanClient]], names: str) -> str:
    return "".join(name for name, task in zip(names, tasks, strict=True) if task.done())


@pytest.fixture
def other_account() -> Iterator[WanClient]:
    key = parse_key("sk-y", "test", account="studio-b")
    with WanClient("https://dashscope-intl.aliyuncs.com/api/v1", key) as made:
        yield made


async def test_an_account_is_given_as_many_clips_as_it_has_room_for(
    client: WanClient, other_account: WanClient
) -> None:
    flight, names = InFlight(), "abcdefghijklmn"
    flight.allow(client, MODEL, 5)
    flight.allow(other_account, MODEL, 1)

    tasks = [asyncio.create_task(flight.enter((client, other_account), MODEL, name)) for name in names]
    await _turns()

    assert _inside(tasks, names) == names[:12]
    theirs = [
        name for name, task in zip(names[:12], tasks[:12], strict=True) if task.result() is other_account
    ]
    assert len(theirs) == 2
    # Who waits is given to whichever account has room first.
    for name in theirs:
        flight.leave(name)
    await _turns()
    assert [task.result() for task in tasks[12:]] == [other_account] * 2


async def test_clips_that_wait_go_to_an_account_that_turns_out_to_have_more_room(
    client: WanClient, other_account: WanClient
) -> None:
    flight, names = InFlight(), "abcdefghijkl"
    tasks = [asyncio.create_task(flight.enter((client, other_account), MODEL, name)) for name in names]
    await _turns()
    # Two at once are documented for each.
    assert _inside(tasks, names) == names[:8]

    flight.allow(client, MODEL, 1)
    flight.allow(other_account, MODEL, 20)
    await _turns()

    assert [task.result() for task in tasks[8:]] == [other_account] * 4


async def test_an_account_that_refuses_is_given_nothing_while_another_one_does_not(
    client: WanClient, other_account: WanClient
) -> None:
    both = client, other_account
    flight, names = InFlight(), "abcdefghijkl"
    tasks = [asyncio.create_task(flight.enter(both, MODEL, name)) for name in names]
    await _turns()
    refused = [
        name for name, task in zip(names[:8], tasks[:8], strict=True) if task.result() is other_account
    ]
    assert len(refused) == 4
    flight.note_refusal(other_account, MODEL)

    assert flight.sold_elsewhere(other_account, both, MODEL)
    assert not flight.sold_elsewhere(client, both, MODEL)
    # Those that wait do not go there, and neither does one that comes again, whatever room it has.
    for name in refused[1:]:
        flight.leave(name)
    again = asyncio.create_task(flight.enter(both, MODEL, refused[0]))
    await _turns()
    assert not any(task.done() for task in (*tasks[8:], again))
    for name in (*(set(names[:8]) - set(refused)), names[8]):
        flight.leave(name)
        await _turns()
    assert [task.result() for task in (*tasks[8:], again)] == [client] * 5
    # Where no account sells any, each clip gets a refusal of its own.
    flight.note_refusal(client, MODEL)
    assert not flight.sold_elsewhere(client, both, MODEL)
    assert await flight.enter(both, MODEL, "m") is other_account


def test_as_many_as_are_documented_are_sent_and_as_many_again_for_the_queue(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefgh"
        tasks = await _enter(flight, client, names)
        # Two at once are documented for this model.
        assert _inside(tasks, names) == "abcd"
        flight.leave("c")
        await _turns()
        assert _inside(tasks, names) == "abcde"
        # A clip that gave up waiting takes nobody's place.
        tasks[5].cancel()
        flight.leave("a")
        await _turns()
        assert _inside(tasks, names) == "abcdefg"
        assert tasks[5].cancelled()
        tasks[7].cancel()
        await _turns()

    asyncio.run(play())


def test_an_account_that_runs_more_than_documented_gets_more(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefghijkl"
        tasks = await _enter(flight, client, names)
        for at_s in (0.0, 5.0, 11.0):
            for name in "abcd":
                flight.note(client, MODEL, name, running=True, at_s=at_s)
        await _turns()
        # All four run, for more than a moment: so this account makes four at once, and eight may be there.
        assert _inside(tasks, names) == "abcdefgh"
        # What the provider says counts for more than what was seen.
        flight.allow(client, MODEL, 5)
        await _turns()
        assert _inside(tasks, names) == "abcdefghij"
        flight.allow(client, MODEL, 1)
        for name in "abcdefgh":
            flight.leave(name)
        await _turns()
        assert _inside(tasks, names) == "abcdefghij"
        flight.leave("i")
        await _turns()
        assert _inside(tasks, names) == "abcdefghijk"
        flight.leave("j")
        await _turns()
        assert _inside(tasks, names) == names

    asyncio.run(play())


def test_clips_that_follow_each_other_are_not_taken_for_more_at_once(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefgh"
        tasks = await _enter(flight, client, names)
        for name in "ab":
            flight.note(client, MODEL, name, running=True, at_s=0.0)
        # These two have ended, which nobody noticed yet, and the next two run.
        for at_s in (60.0, 61.0):
            for name in "cd":
                flight.note(client, MODEL, name, running=True, at_s=at_s)
        flight.leave("a")
        flight.note(client, MODEL, "c", running=True, at_s=120.0)
        await _turns()
        assert _inside(tasks, names) == "abcde"
        for task in tasks[5:]:
            task.cancel()
        await _turns()

    asyncio.run(play())


def test_two_clips_of_one_key_have_a_place_each(client: WanClient) -> None:
    async def play() -> None:
        flight = InFlight()
        one, other, *more = (object() for _ in range(6))
        tasks = [asyncio.create_task(flight.enter((client,), MODEL, clip)) for clip in (one, other, *more)]
        await _turns()
        assert [task.done() for task in tasks] == [True] * 4 + [False] * 2
        tasks[4].cancel()
        flight.leave(other)
        await _turns()
        assert (tasks[4].cancelled(), tasks[5].done()) == (True, True)

    asyncio.run(play())


def test_a_clip_that_was_bought_before_takes_a_place_without_waiting(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "ab"
        for name in "wxyz":
            flight.note(client, MODEL, name, running=False, at_s=0.0)
        tasks = await _enter(flight, client, names)
        assert _inside(tasks, names) == ""
        flight.leave("w")
        await _turns()
        assert _inside(tasks, names) == "a"
        flight.leave("x")
        await _turns()

    asyncio.run(play())
