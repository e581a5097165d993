"""Several takes of a shot, what people say of them, and the cut that follows, against the emulator without Prefect."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from boards import board, chained, no_links
from plainsteps import PLAIN_STEPS
from seaweed import seaweed

from footage.clip import Clip, follow
from footage.concurrency.executors import in_thread
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.evidence.state import Permission
from footage.order.prepared import Prepared
from footage.request import VideoRequest, VideoResponse
from footage.settings import Settings
from footage.steps.check import enter, prepare
from footage.storage import Store, open_store
from footage.storyboard import Budget, Ledger, ShotOutcome, plan_board
from footage.storyboard.package import make_package
from footage.storyboard.prepared_board import prepare_board
from footage.storyboard.production import BeforeBuying, Crew, produce
from footage.storyboard.recut import recut
from footage.storyboard.retake_wish import RetakeWish
from footage.storyboard.take_list import read_takes, read_verdicts, state_of_shot
from footage.storyboard.take_register import order_retakes
from footage.storyboard.to_buy import still_to_buy
from footage.storyboard.verdict_log import Words, say

FOLDER = "storyboards/Film"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=200, render="tiny", rate_limits=False, concurrency=20) as emulator:
        yield emulator


@pytest.fixture
def context(emulator: Emulator, tmp_path: Path) -> Iterator[Context]:
    settings = Settings(
        output_dir=str(tmp_path),
        http_base_url=emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
        reconcile_grace_s=0.5,
    )
    context = open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test"))
    yield context
    context.close()


def _board(*shots: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return board(*shots, title="Film", **fields).model_dump(mode="json", by_alias=True)


async def _make(
    context: Context,
    document: dict[str, Any],
    *,
    wishes: Sequence[RetakeWish] = (),
    budget: Budget | None = None,
    approve_shots: bool = False,
) -> dict[str, ShotOutcome]:
    """Make a board as the flow does, and cut it."""

    async def check_shot(
        asked: Prepared | VideoRequest | str, name: str, before_buying: BeforeBuying
    ) -> Clip:
        assert not isinstance(asked, str)
        if isinstance(asked, VideoRequest):
            asked = await in_thread(prepare, context, asked)
        return await in_thread(enter, context, asked, Permission(), name=name, before_buying=before_buying)

    async def make(clip: Clip) -> VideoResponse | None:
        return await follow(clip, PLAIN_STEPS)

    prepared = await in_thread(prepare_board, context, document, wishes=wishes)
    ledger = Ledger(budget or Budget(currency="CNY"))
    outcomes = await produce(
        context, prepared.plan, ledger, Crew(check_shot, make), approve_shots=approve_shots
    )
    await in_thread(make_package, context.store, prepared.plan, outcomes, ledger.statement())
    return outcomes


def _report(context: Context) -> dict[str, Any]:
    return json.loads(context.store.read(f"{FOLDER}/report.json"))


def _in_cut(context: Context) -> dict[str, int | None]:
    return {shot: facts["take"] for shot, facts in _report(context)["shots"].items()}


def _accepted(emulator: Emulator) -> int:
    return int(emulator.ledger()["accepted"])


def _pick(store: Store, shot: str, take: int | str, by: str = "ana") -> None:
    say(store, FOLDER, shot, str(take), Words("pick", by))


def test_takes_are_clips_of_their_own_with_following_seeds_and_the_first_one_is_the_clip_of_today() -> None:
    plain = plan_board(board({"id": "a", "seed": 7}, {"id": "b"}), no_links)
    plan = plan_board(board({"id": "a", "seed": 7, "takes": 3}, {"id": "b", "takes": 2}), no_links)

    assert [(take.id, take.take, take.request.seed) for take in plan.takes] == [
        ("a", 1, 7),
        ("a:2", 2, 8),
        ("a:3", 3, 9),
        ("b", 1, None),
        ("b:2", 2, None),
    ]
    assert [shot.key for shot in plan.shots] == [shot.key for shot in plain.shots]
    assert len({take.key for take in plan.takes}) == 5
    assert (plan.quote.clips, plan.quote.seconds) == (5, 25)
    assert plan.quote.amount_in("CNY") == plain.quote.amount_in("CNY") / 2 * 5


def test_takes_of_two_shots_that_ask_for_the_same_are_paid_once() -> None:
    shots = ({"id": "a", "takes": 2}, {"id": "b", "takes": 2}, chained("c", "shot:a", prompt="x"))
    plan = plan_board(board(*shots, chained("d", "shot:b", prompt="x")), no_links)

    assert {take.id: take.same_as for take in plan.takes if take.same_as} == {
        "b": "a",
        "b:2": "a:2",
        "d": "c",
    }


@pytest.mark.parametrize("takes", [0, 101, True, "3", 1.5, None, [2]])
def test_a_number_of_takes_that_is_none_is_refused_by_its_name(takes: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        board({"id": "a", "takes": takes})

    assert [problem.field for problem in refused.value.problems] == ["shots[a].takes"]


def test_a_seed_that_has_no_next_one_is_refused_with_the_take_that_it_is_wrong_for() -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan_board(board({"id": "a", "seed": 2**31 - 1, "takes": 2}), no_links)

    assert [problem.field for problem in refused.value.problems] == ["shots[a].takes[2].seed"]


def test_takes_count_against_the_most_shots_of_a_board() -> None:
    many = [{"id": f"s{n}", "takes": 100} for n in range(21)]

    with pytest.raises(InvalidRequest, match="2,100 takes of all shots"):
        plan_board(board(*many), no_links)


async def test_every_take_is_bought_once_listed_and_the_newest_one_is_in_the_cut(
    context: Context, emulator: Emulator
) -> None:
    before, document = _accepted(emulator), _board({"id": "a", "seed": 7, "takes": 3}, {"id": "b"})

    await _make(context, document)
    outcomes = await _make(context, document)

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    assert _accepted(emulator) - before == 4
    rows = _report(context)["takes"]["a"]
    assert [(row["take"], row["seed"], row["state"], row["used"]) for row in rows] == [
        (1, 7, "new", False),
        (2, 8, "new", False),
        (3, 9, "new", True),
    ]
    assert all(row["price"] == "1.20 CNY" for row in rows)
    assert _in_cut(context) == {"a": 3, "b": 1}


async def test_a_pick_makes_another_cut_in_all_its_files_and_buys_nothing(
    context: Context, emulator: Emulator
) -> None:
    document = _board({"id": "a", "takes": 2}, {"id": "b"})
    outcomes = await _make(context, document)
    before, plan = _accepted(emulator), prepare_board(context, document).plan
    first = outcomes["a"].response
    assert first is not None

    _pick(context.store, "a", 1)
    recut(context.store, plan)

    assert _in_cut(context) == {"a": 1, "b": 1}
    assert _report(context)["shots"]["a"]["picked"] is True
    for name in ("timeline.otio", "timeline.edl", "report.json", "dailies.html"):
        assert first.key in context.store.read(f"{FOLDER}/{name}").decode()
    assert "* TAKE: 1 (PICKED)" in context.store.read(f"{FOLDER}/timeline.edl").decode()
    assert _report(context)["cost"]["bought"] == "0.00"
    assert _accepted(emulator) == before


async def test_the_last_word_about_a_take_counts_and_a_shot_without_a_take_that_anybody_wants_is_missing(
    context: Context,
) -> None:
    document = _board({"id": "a", "takes": 2}, {"id": "b"})
    await _make(context, document)
    plan, store = prepare_board(context, document).plan, context.store

    def state() -> tuple[str, list[str]]:
        takes = read_takes(store, FOLDER)["a"]
        return state_of_shot(takes, plan.shots[0].shot_sha256), [take.state for take in takes]

    assert state() == ("in review", ["new", "new"])
    _pick(store, "a", 1)
    assert state() == ("picked", ["pick", "new"])
    _pick(store, "a", 2)
    assert state() == ("picked", ["keep", "pick"])
    say(store, FOLDER, "a", "2", Words("retake", "ana", note="her hand"))
    assert state() == ("retake asked", ["keep", "retake"])
    for take in ("1", "2"):
        say(store, FOLDER, "a", take, Words("reject", "ana"))
    assert state() == ("missing", ["reject", "reject"])

    recut(store, plan)
    facts = _report(context)["shots"]["a"]
    assert (facts["state"], facts["response"]) == ("rejected", None)
    assert "wan-video retake Film a 2 --note" in facts["command"]


@pytest.mark.parametrize(
    ("shot", "take", "words", "field"),
    [
        ("nobody", "1", Words("pick", "ana"), "shot"),
        ("a", "9", Words("pick", "ana"), "take"),
        ("a", "", Words("pick", "ana"), "take"),
        ("a", "1", Words("retake", "ana"), "verdict"),
        ("a", "1", Words("keep", "ana", note="x" * 2_001), "note"),
        ("a", "1", Words("keep", "ana", frame=-1), "frame"),
        ("a", "1", Words("keep", "ana", frame=9, last_frame=3), "verdict"),
        ("a", "1", Words("keep", "ana", place=(0.5, 1.5)), "place"),
    ],
)
def test_words_that_are_no_verdict_are_refused_by_their_field(
    shot: str, take: str, words: Words, field: str, judged_store: Store
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        say(judged_store, FOLDER, shot, take, words)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert read_verdicts(judged_store, FOLDER) == ()


@pytest.fixture(scope="module")
def judged_store(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one delivered take, of which nothing is said."""
    settings = Settings(
        output_dir=str(tmp_path_factory.mktemp("judged")),
        http_base_url=emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
    )
    with open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test")) as context:
        asyncio.run(_make(context, _board({"id": "a"})))
    return open_store(f"{settings.output_dir}/alicloud-ai-video-wan-video")


def test_a_verdict_is_about_the_bytes_of_the_provider(context: Context, tmp_path: Path) -> None:
    asyncio.run(_make(context, _board({"id": "a"})))
    _pick(context.store, "a", 1)
    (path,) = tmp_path.rglob("evidence/*/result.json")
    result = json.loads(path.read_text())
    bytes_of_provider = result["clip"]["sha256"]

    def state() -> str:
        (take,) = read_takes(context.store, FOLDER)["a"]
        return take.state

    original = {"path": f"videos/{result['key']}.original.mp4", "sha256": bytes_of_provider, "size_bytes": 1}
    path.write_text(
        json.dumps(result | {"clip": result["clip"] | {"sha256": "f" * 64}, "original": original})
    )
    assert state() == "pick", "another rendition of the same original"
    path.write_text(json.dumps(result | {"clip": result["clip"] | {"sha256": "e" * 64}}))
    assert state() == "new", "another file"


def test_of_many_reviewers_at_once_none_is_lost_and_one_pick_is_left(judged_store: Store) -> None:
    with ThreadPoolExecutor(8) as people:
        said = list(
            people.map(lambda n: say(judged_store, FOLDER, "a", "1", Words("pick", f"r{n}")), range(24))
        )

    found = read_verdicts(judged_store, FOLDER)
    assert sorted(verdict.number for verdict in found) == list(range(1, 25))
    assert {verdict.token for verdict in found} == {verdict.token for verdict in said}
    assert [take.state for take in read_takes(judged_store, FOLDER)["a"]] == ["pick"]


@pytest.mark.s3
def test_of_reviewers_of_a_store_on_s3_none_is_lost_either(judged_store: Store, tmp_path: Path) -> None:
    with seaweed(tmp_path) as options:
        stores = [open_store("s3://bucket/film", options) for _ in range(2)]
        for path in judged_store.list():
            if path.startswith(f"{FOLDER}/takes/") or path.endswith("/result.json"):
                stores[0].create(path, judged_store.read(path))

        with ThreadPoolExecutor(8) as people:
            list(
                people.map(lambda n: say(stores[n % 2], FOLDER, "a", "1", Words("pick", f"r{n}")), range(12))
            )

        said = read_verdicts(stores[0], FOLDER)
    assert [verdict.number for verdict in said] == list(range(1, 13))
    assert {verdict.by for verdict in said} == {f"r{n}" for n in range(12)}


def test_who_says_the_same_again_has_said_it_once(judged_store: Store) -> None:
    first = say(judged_store, FOLDER, "a", "1", Words("keep", "ana", note="good"))
    again = say(judged_store, FOLDER, "a", "1", Words("keep", "ana", note="good"))
    other = say(judged_store, FOLDER, "a", "1", Words("keep", "bo", note="good"))

    assert again == first
    assert other.number == first.number + 1


def test_a_reviewer_who_is_killed_again_and_again_leaves_whole_verdicts_and_loses_none_that_was_told(
    judged_store: Store,
) -> None:
    before = len(read_verdicts(judged_store, FOLDER))
    program = (
        "import sys; from footage.storage import open_store\n"
        "from footage.storyboard.verdict_log import Words, say\n"
        "store = open_store(sys.argv[1])\n"
        "for n in range(10_000):\n"
        "    said = say(store, sys.argv[2], 'a', '1', Words('keep', f'{sys.argv[3]}-{n}'))\n"
        "    print(said.token, flush=True)\n"
    )
    told: set[str] = set()
    for turn in range(4):
        reviewer = subprocess.Popen(
            [sys.executable, "-c", program, judged_store.url, FOLDER, str(turn)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert reviewer.stdout is not None
        told |= {reviewer.stdout.readline().strip() for _ in range(3 + turn)}
        reviewer.send_signal(signal.SIGKILL)
        told |= {line.strip() for line in reviewer.stdout if line.endswith("\n")}
        reviewer.wait()
        reviewer.stdout.close()

    found = read_verdicts(judged_store, FOLDER)
    numbers = [verdict.number for verdict in found]
    assert told <= {verdict.token for verdict in found}
    assert len(found) - before - len(told) in range(5), "at most one a kill was written and not told"
    assert len(set(numbers)) == len(numbers)


async def test_a_retake_is_the_next_take_with_its_own_prompt_and_is_bought_once_and_nothing_else(
    context: Context, emulator: Emulator
) -> None:
    document = _board({"id": "a", "seed": 7, "takes": 2}, {"id": "b"})
    await _make(context, document)
    # Of the board a third shot is not made yet; a retake does not make it.
    longer = _board({"id": "a", "seed": 7, "takes": 2}, {"id": "b"}, {"id": "c", "prompt": "A new one"})
    wish = RetakeWish("a", "1", "her hand has six fingers", "ana", prompt="A calm harbour")
    before = _accepted(emulator)

    priced = prepare_board(context, longer, wishes=[wish]).plan
    assert [(take.id, take.request.prompt, take.request.seed) for take in priced.takes] == [
        ("a:3", "A calm harbour", 9)
    ]
    assert still_to_buy(context, priced).amount_in("CNY") == Decimal("1.20")
    for _ in range(2):
        outcomes = await _make(context, longer, wishes=[wish])

    assert list(outcomes) == ["a:3"]
    assert _accepted(emulator) - before == 1
    assert _in_cut(context) == {"a": 3, "b": 1, "c": None}
    third = _report(context)["takes"]["a"][2]
    assert (third["take"], third["seed"]) == (3, 9)
    assert _report(context)["takes"]["a"][0]["differs"] == {"prompt": "A quiet harbour"}
    for path in context.store.list("evidence"):
        if path.endswith("request.json"):
            assert "six fingers" not in context.store.read(path).decode()
    # A later run of the board has the take, and buys what is left of the board alone.
    await _make(context, longer)
    assert _accepted(emulator) - before == 2
    assert _in_cut(context) == {"a": 3, "b": 1, "c": 1}


async def test_a_retake_over_the_cap_is_held_and_one_of_a_changed_shot_is_no_longer_made(
    context: Context, emulator: Emulator
) -> None:
    # The other shot stays, so that the changed board is still the same one.
    document = _board({"id": "a", "take": 51}, {"id": "b"})
    await _make(context, document)
    before = _accepted(emulator)
    wish = RetakeWish("a", "51", "softer light", "ana", seed=5)

    held = await _make(
        context, document, wishes=[wish], budget=Budget(max_seconds=Decimal(4), currency="CNY")
    )
    assert [outcome.state for outcome in held.values()] == ["held"]
    assert _accepted(emulator) == before

    changed = _board({"id": "a", "take": 51, "prompt": "Another harbour"}, {"id": "b"})
    assert [take.id for take in prepare_board(context, changed).plan.takes] == ["a", "b"]
    assert [take.id for take in prepare_board(context, document).plan.takes] == ["a", "a:52", "b"]


async def test_of_two_who_ask_for_different_retakes_at_once_one_is_told_to_look_again(
    context: Context,
) -> None:
    document = _board({"id": "a", "take": 61})
    await _make(context, document)
    wishes = [RetakeWish("a", "61", "softer", by) for by in ("ana", "bo")]
    plans = [prepare_board(context, document, wishes=[wish]).plan for wish in wishes]

    order_retakes(context.store, FOLDER, plans[0])
    with pytest.raises(InvalidRequest, match="somebody else asked for another retake"):
        order_retakes(context.store, FOLDER, plans[1])

    assert [take.id for take in prepare_board(context, document, wishes=wishes[1:]).plan.takes] == ["a:63"]


async def test_a_shot_whose_source_has_another_pick_is_stale_and_stays_as_it_is(
    context: Context, emulator: Emulator
) -> None:
    document = _board({"id": "a", "take": 71, "takes": 2}, chained("b", "shot:a"))
    await _make(context, document)
    before, plan = _accepted(emulator), prepare_board(context, document).plan
    assert _report(context)["shots"]["b"]["stale"] is None

    _pick(context.store, "a", 71)
    assert still_to_buy(context, plan).clips == 0
    await _make(context, document)

    assert _accepted(emulator) == before
    stale = _report(context)["shots"]["b"]["stale"]
    assert "it starts from take 72 of shot a, of which take 71 is used now" in stale
    assert re.search(r"a retake costs [0-9.]+ CNY$", stale)

    wish = RetakeWish("b", "1", "follow the pick", "ana")
    await _make(context, document, wishes=[wish])
    assert _accepted(emulator) - before == 1
    assert (_in_cut(context)["b"], _report(context)["shots"]["b"]["stale"]) == (2, None)


async def test_with_approval_of_shots_what_starts_from_another_waits_for_a_pick_of_that(
    context: Context, emulator: Emulator
) -> None:
    document = _board({"id": "a", "take": 81, "takes": 2}, chained("b", "shot:a"), chained("c", "shot:b"))
    before = _accepted(emulator)

    outcomes = await _make(context, document, approve_shots=True)

    assert (outcomes["b"].state, outcomes["c"].state) == ("waiting", "skipped")
    assert "wan-video pick Film a 82, then run the board again" in (outcomes["b"].command or "")
    assert _accepted(emulator) - before == 2

    _pick(context.store, "a", 81)
    outcomes = await _make(context, document, approve_shots=True)
    assert (outcomes["b"].state, outcomes["c"].state) == ("delivered", "waiting")
    assert _accepted(emulator) - before == 3
    (take,) = read_takes(context.store, FOLDER)["b"]
    assert take.record.starts_from == read_takes(context.store, FOLDER)["a"][0].key


async def test_a_record_that_cannot_be_read_hides_no_other(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    await _make(context, _board({"id": "a", "take": 91}, {"id": "b", "take": 92}))
    context.store.create(f"{FOLDER}/verdicts/a/1.json", b"{}")
    context.store.create(f"{FOLDER}/takes/a/1-{'0' * 64}.json", b"no JSON")

    _pick(context.store, "a", 91)

    assert [take.state for take in read_takes(context.store, FOLDER)["a"]] == ["pick"]
    assert f"{FOLDER}/verdicts/a/1.json does not fit" in caplog.text
