"""Several takes of a shot, retakes, and the cut that follows, against the emulator without Prefect."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from boards import board, chained, no_links
from filmboards import FOLDER, accepted, film, in_cut, make_film, pick, report_of
from libraryclips import DAY, finished
from soundfiles import make_music

from flows.cli.verdicts import reviewed_board
from footage.context import Context
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.response import response_of
from footage.storage import open_store
from footage.storyboard import Budget, ShotOutcome, plan_board
from footage.storyboard.folder import claim_folder, kept_board
from footage.storyboard.prepared_board import prepare_board
from footage.storyboard.read.settlement import settle
from footage.storyboard.recut import recut
from footage.storyboard.retake_wish import RetakeWish
from footage.storyboard.review_records import TakeRecord
from footage.storyboard.selection import selected
from footage.storyboard.take_list import Take, read_takes, state_of_shot
from footage.storyboard.take_register import TakeRegister, order_retakes
from footage.storyboard.to_buy import still_to_buy
from footage.storyboard.verdict_log import Words, say


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


def test_a_further_take_that_the_board_asks_for_as_its_first_one_is_a_take_of_both(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    plans = [
        plan_board(board({"id": "a", "seed": 7, "takes": 3}), no_links),
        plan_board(board({"id": "a", "seed": 8, "take": 2, "takes": 2}), no_links),
    ]

    for plan in [*plans, *plans]:
        register = TakeRegister(store, FOLDER)
        for take in plan.takes:
            register.add(take, take.key or "", None)

    takes = read_takes(store, FOLDER)["a"]
    of_plans = [[take.number for take in takes if take.is_of(p.shots[0].shot_sha256)] for p in plans]
    assert of_plans == [[1, 2, 3], [2, 3]]
    assert len(list(store.list(f"{FOLDER}/takes"))) == 5


def test_a_shot_is_rejected_where_all_takes_of_what_is_asked_now_are_and_else_told_why_it_is_missing(
    tmp_path: Path,
) -> None:
    store, plan = open_store(str(tmp_path)), plan_board(board({"id": "a", "takes": 2}), no_links)
    key = finished(store, "Another harbour")
    result = ClipEvidence(store, key).result()
    assert result is not None
    record = TakeRecord(shot="a", take=1, key=key, shot_sha256=plan.shots[0].shot_sha256, ordered_at=DAY)
    rejected = Take(record, result, "reject")
    older = Take(record.model_copy(update={"shot_sha256": "0" * 64}), result, "reject")
    ordered = Take(record.model_copy(update={"take": 2, "key": "1" * 64}), None)
    delivered = ShotOutcome("a", "delivered", response_of(store, result, cached=True))
    refused = ShotOutcome("a", "failed", reason="the provider says no", command="do this")

    def outcome(takes: Sequence[Take], **outcomes: ShotOutcome) -> ShotOutcome:
        return selected(
            store, plan, {name.replace("_", ":"): o for name, o in outcomes.items()}, {"a": takes}
        )["a"]

    gone = outcome([rejected], a=delivered)
    assert (gone.state, gone.reason) == ("rejected", "all its takes are rejected")
    assert "wan-video retake BOARD_FILE a 1" in str(gone.command)
    assert outcome([older], a=refused) == refused
    assert outcome([rejected, ordered], a=delivered, a_2=replace(refused, shot_id="a:2")) == refused
    coming = outcome([rejected, ordered], a=delivered)
    assert (coming.state, coming.response) == ("unfinished", None)
    assert "ordered" in str(coming.reason)


def test_a_verdict_reads_the_takes_of_its_own_shot_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, plan = open_store(str(tmp_path)), plan_board(board({"id": "a"}), no_links)
    TakeRegister(store, FOLDER).add(plan.takes[0], plan.takes[0].key or "", None)
    store.create(f"{FOLDER}/takes/b/1-{'0' * 64}.json", b"no JSON")

    with pytest.raises(InvalidRequest, match="is not delivered"):
        say(store, FOLDER, "a", "1", Words("keep", "ana"))
    assert caplog.messages == []

    with pytest.raises(InvalidRequest, match=r"no take of it is known here.* a\b"):
        say(store, FOLDER, "c", "1", Words("keep", "ana"))


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


@pytest.mark.slow
async def test_every_take_is_bought_once_listed_and_the_newest_one_is_in_the_cut(
    context: Context, emulator: Emulator
) -> None:
    before, document = accepted(emulator), film({"id": "a", "seed": 7, "takes": 3}, {"id": "b"})

    await make_film(context, document)
    outcomes = await make_film(context, document)

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    assert accepted(emulator) - before == 4
    rows = report_of(context)["takes"]["a"]
    assert [(row["take"], row["seed"], row["state"], row["used"]) for row in rows] == [
        (1, 7, "new", False),
        (2, 8, "new", False),
        (3, 9, "new", True),
    ]
    assert all(row["price"] == "1.20 CNY" for row in rows)
    assert in_cut(context) == {"a": 3, "b": 1}


@pytest.mark.slow
async def test_a_pick_makes_another_cut_in_all_its_files_and_buys_nothing(
    context: Context, emulator: Emulator
) -> None:
    document = film({"id": "a", "takes": 2}, {"id": "b"})
    outcomes = await make_film(context, document)
    before, plan = accepted(emulator), prepare_board(context, document).plan
    first = outcomes["a"].response
    assert first is not None

    pick(context.store, "a", 1)
    recut(context.store, plan)

    assert in_cut(context) == {"a": 1, "b": 1}
    assert report_of(context)["shots"]["a"]["picked"] is True
    for name in ("timeline.otio", "timeline.edl", "report.json", "dailies.html"):
        assert first.key in context.store.read(f"{FOLDER}/{name}").decode()
    assert "* TAKE: 1 (PICKED)" in context.store.read(f"{FOLDER}/timeline.edl").decode()
    assert report_of(context)["cost"]["bought"] == "0.00"
    assert accepted(emulator) == before


@pytest.mark.slow
async def test_the_last_word_about_a_take_counts_and_a_shot_without_a_take_that_anybody_wants_is_missing(
    context: Context,
) -> None:
    document = film({"id": "a", "takes": 2}, {"id": "b"})
    await make_film(context, document)
    plan, store = prepare_board(context, document).plan, context.store

    def state() -> tuple[str, list[str]]:
        takes = read_takes(store, FOLDER)["a"]
        return state_of_shot(takes, plan.shots[0].shot_sha256), [take.state for take in takes]

    assert state() == ("in review", ["new", "new"])
    pick(store, "a", 1)
    assert state() == ("picked", ["pick", "new"])
    pick(store, "a", 2)
    assert state() == ("picked", ["keep", "pick"])
    say(store, FOLDER, "a", "2", Words("retake", "ana", note="her hand"))
    assert state() == ("retake asked", ["keep", "retake"])
    for take in ("1", "2"):
        say(store, FOLDER, "a", take, Words("reject", "ana"))
    assert state() == ("missing", ["reject", "reject"])

    recut(store, plan)
    facts = report_of(context)["shots"]["a"]
    assert (facts["state"], facts["response"]) == ("rejected", None)
    assert "wan-video retake BOARD_FILE a 2 --note" in facts["command"]


@pytest.mark.slow
async def test_a_retake_is_the_next_take_with_its_own_prompt_and_is_bought_once_and_nothing_else(
    context: Context, emulator: Emulator
) -> None:
    document = film({"id": "a", "seed": 7, "takes": 2}, {"id": "b"})
    await make_film(context, document)
    # Of the board a third shot is not made yet; a retake does not make it.
    longer = film({"id": "a", "seed": 7, "takes": 2}, {"id": "b"}, {"id": "c", "prompt": "A new one"})
    wish = RetakeWish("a", "1", "her hand has six fingers", "ana", prompt="A calm harbour")
    before = accepted(emulator)

    priced = prepare_board(context, longer, wishes=[wish]).plan
    assert [(take.id, take.request.prompt, take.request.seed) for take in priced.takes] == [
        ("a:3", "A calm harbour", 9)
    ]
    assert still_to_buy(context, priced).amount_in("CNY") == Decimal("1.20")
    for _ in range(2):
        outcomes = await make_film(context, longer, wishes=[wish])

    assert list(outcomes) == ["a:3"]
    assert accepted(emulator) - before == 1
    assert in_cut(context) == {"a": 3, "b": 1, "c": None}
    third = report_of(context)["takes"]["a"][2]
    assert (third["take"], third["seed"]) == (3, 9)
    assert report_of(context)["takes"]["a"][0]["differs"] == {"prompt": "A quiet harbour"}
    for path in context.store.list("evidence"):
        if path.endswith("request.json"):
            assert "six fingers" not in context.store.read(path).decode()
    # A later run of the board has the take, and buys what is left of the board alone.
    await make_film(context, longer)
    assert accepted(emulator) - before == 2
    assert in_cut(context) == {"a": 3, "b": 1, "c": 1}


@pytest.mark.slow
async def test_a_retake_over_the_cap_is_held_and_one_of_a_changed_shot_is_no_longer_made(
    context: Context, emulator: Emulator
) -> None:
    # The other shot stays, so that the changed board is still the same one.
    document = film({"id": "a", "take": 51}, {"id": "b"})
    await make_film(context, document)
    before = accepted(emulator)
    wish = RetakeWish("a", "51", "softer light", "ana", seed=5)

    held = await make_film(
        context, document, wishes=[wish], budget=Budget(max_seconds=Decimal(4), currency="CNY")
    )
    assert [outcome.state for outcome in held.values()] == ["held"]
    assert accepted(emulator) == before

    changed = film({"id": "a", "take": 51, "prompt": "Another harbour"}, {"id": "b"})
    assert [take.id for take in prepare_board(context, changed).plan.takes] == ["a", "b"]
    assert [take.id for take in prepare_board(context, document).plan.takes] == ["a", "a:52", "b"]


async def test_of_two_who_ask_for_different_retakes_at_once_one_is_told_to_look_again(
    context: Context,
) -> None:
    document = film({"id": "a", "take": 61})
    await make_film(context, document)
    wishes = [RetakeWish("a", "61", "softer", by) for by in ("ana", "bo")]
    plans = [prepare_board(context, document, wishes=[wish]).plan for wish in wishes]

    order_retakes(context.store, FOLDER, plans[0])
    with pytest.raises(InvalidRequest, match="somebody else asked for another retake"):
        order_retakes(context.store, FOLDER, plans[1])

    assert [take.id for take in prepare_board(context, document, wishes=wishes[1:]).plan.takes] == ["a:63"]


@pytest.mark.slow
async def test_a_shot_whose_source_has_another_pick_is_stale_and_stays_as_it_is(
    context: Context, emulator: Emulator
) -> None:
    document = film({"id": "a", "take": 71, "takes": 2}, chained("b", "shot:a"))
    await make_film(context, document)
    before, plan = accepted(emulator), prepare_board(context, document).plan
    assert report_of(context)["shots"]["b"]["stale"] is None

    pick(context.store, "a", 71)
    assert still_to_buy(context, plan).clips == 0
    await make_film(context, document)

    assert accepted(emulator) == before
    stale = report_of(context)["shots"]["b"]["stale"]
    assert "it starts from take 72 of shot a, of which take 71 is used now" in stale
    assert re.search(r"a retake costs [0-9.]+ CNY$", stale)

    wish = RetakeWish("b", "1", "follow the pick", "ana")
    await make_film(context, document, wishes=[wish])
    assert accepted(emulator) - before == 1
    assert (in_cut(context)["b"], report_of(context)["shots"]["b"]["stale"]) == (2, None)


@pytest.mark.slow
async def test_shots_that_ask_for_the_same_are_quoted_as_two_clips_once_different_takes_are_picked(
    context: Context, emulator: Emulator
) -> None:
    goes_on = {"prompt": "it goes on", "duration": 2}
    document = film(
        {"id": "a", "take": 91, "takes": 2},
        chained("b", "shot:a", **goes_on),
        {"id": "c", "take": 91, "takes": 2},
        chained("d", "shot:c", **goes_on),
    )
    await make_film(context, document, approve_shots=True)
    before, plan = accepted(emulator), prepare_board(context, document).plan
    assert still_to_buy(context, plan).clips == 1

    pick(context.store, "a", 91)
    pick(context.store, "c", 92)
    assert still_to_buy(context, plan).clips == 2
    await make_film(context, document)

    assert accepted(emulator) - before == 2
    assert still_to_buy(context, plan).clips == 0


@pytest.mark.slow
async def test_with_approval_of_shots_what_starts_from_another_waits_for_a_pick_of_that(
    context: Context, emulator: Emulator
) -> None:
    document = film({"id": "a", "take": 81, "takes": 2}, chained("b", "shot:a"), chained("c", "shot:b"))
    before = accepted(emulator)

    outcomes = await make_film(context, document, approve_shots=True)

    assert (outcomes["b"].state, outcomes["c"].state) == ("waiting", "skipped")
    assert "wan-video pick Film a 82, then run the board again" in (outcomes["b"].command or "")
    assert accepted(emulator) - before == 2

    pick(context.store, "a", 81)
    outcomes = await make_film(context, document, approve_shots=True)
    assert (outcomes["b"].state, outcomes["c"].state) == ("delivered", "waiting")
    assert accepted(emulator) - before == 3
    (take,) = read_takes(context.store, FOLDER)["b"]
    assert take.record.starts_from == read_takes(context.store, FOLDER)["a"][0].key


@pytest.mark.slow
async def test_a_cut_has_its_music_again_when_the_file_is_gone(context: Context, tmp_path: Path) -> None:
    music = make_music(tmp_path / "bed.mp3", seconds=2)
    document = film({"id": "a"}, {"id": "b"}, film={"music": str(music)})
    await make_film(context, document)
    first = report_of(context)["film"]["music"]
    music.unlink()

    recut(context.store, prepare_board(context, document).plan)

    assert report_of(context)["film"]["music"] == first
    kept = kept_board(context.store, "Film")
    assert prepare_board(context, kept).plan.music is not None


@pytest.mark.slow
async def test_a_verdict_on_a_table_keeps_what_was_said_of_its_film(context: Context, tmp_path: Path) -> None:
    table = tmp_path / "Film.csv"
    table.write_text("Shot,Description,Model,Size\na,A bell rings in the square,wan2.2-t2v-plus,832*480\n")
    said = settle(films=["size=[832*480, 480*832]", f"music={make_music(tmp_path / 'bed.wav')}"])
    await make_film(context, str(table), settled=said)
    (tmp_path / "bed.wav").unlink()

    pick(context.store, "a", 1)
    plan = reviewed_board(context, str(table)).plan
    recut(context.store, plan)

    assert context.store.exists(f"{FOLDER}/music.wav")
    assert context.store.exists(f"{FOLDER}/film.480x832.mp4")
    # Made anew without a word of the film, it has none.
    assert prepare_board(context, str(table)).plan.board.film.size is None


def test_a_verdict_by_a_file_is_about_the_board_that_was_made_of_it(context: Context, tmp_path: Path) -> None:
    table = tmp_path / "Film.csv"
    table.write_text(
        "Shot,Beat,Model\na,A bell rings in the square,wanx2.1-t2v-turbo\nb,It is quiet,wan2.6-t2v-us\n"
    )
    said = settle(maps=["Beat=description"], sets=["a.seed=7", "b.model=wanx2.1-t2v-turbo"])
    made = prepare_board(context, str(table), settled=said).plan
    claim_folder(context.store, made.board)

    # Without the options with which it was made.
    plan = reviewed_board(context, str(table)).plan

    assert [shot.shot_sha256 for shot in plan.shots] == [shot.shot_sha256 for shot in made.shots]


def test_what_a_file_says_of_the_cut_alone_is_in_the_cut_that_follows_a_verdict(
    context: Context, tmp_path: Path
) -> None:
    document = film({"id": "a", "dialogue": "Listen!"})
    claim_folder(context.store, prepare_board(context, document).plan.board)
    file = tmp_path / "film.json"

    file.write_text(json.dumps(document).replace("Listen!", "Hear!"))

    assert reviewed_board(context, str(file)).plan.shot("a").shot.dialogue == "Hear!"
