"""A batch against the emulator, without Prefect: every line checked first, each clip paid once, each line explained."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pytest
from countedstore import CountedStore
from pictures import picture
from plainsteps import PLAIN_STEPS
from rawserver import RawServer, reply

from footage.batch.batch_check import prepare_batch
from footage.batch.batch_production import MOST_AT_ONCE, ClipReport, most_at_once, produce
from footage.batch.batch_report import BatchReport, read_report, write_report
from footage.batch.lines import MAX_LINE_BYTES
from footage.batch.prepared_batch import WINDOW, PreparedBatch
from footage.catalogue import SWITCHES
from footage.clip import Clip, follow
from footage.concurrency.executors import in_thread
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import MOST_LISTED, InvalidRequest, StorageProblem, Unreachable
from footage.evidence.state import Permission
from footage.input_roots import InputRoots
from footage.order.prepared import Prepared
from footage.request import VideoRequest, VideoResponse
from footage.settings import Settings
from footage.steps.check import enter, prepare, reopen
from footage.storyboard import Budget, Ledger
from footage.storyboard.crew import BeforeBuying, Crew, ask_running_tasks

BOAT = {"prompt": "A paper boat", "model": "wanx2.1-t2v-turbo", "size": "832*480"}
CNY = Budget(currency="CNY")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=400, render="tiny", rate_limits=False, concurrency=20) as emulator:
        yield emulator


@pytest.fixture
def context(emulator: Emulator, tmp_path: Path) -> Iterator[Context]:
    settings = Settings(
        output_dir=str(tmp_path / "out"),
        http_base_url=emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
        reconcile_grace_s=0.5,
    )
    context = open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test"))
    yield context
    context.close()


async def _make(context: Context, batch: PreparedBatch) -> tuple[tuple[ClipReport, ...], Ledger]:
    async def check(asked: Prepared | VideoRequest | str, name: str, before_buying: BeforeBuying) -> Clip:
        more: dict[str, Any] = {"name": name, "before_buying": before_buying}
        if isinstance(asked, str):
            return await in_thread(reopen, context, asked, Permission(), **more)
        assert isinstance(asked, Prepared)
        return await in_thread(enter, context, asked, Permission(), **more)

    async def make(clip: Clip) -> VideoResponse | None:
        return await follow(clip, PLAIN_STEPS)

    ledger = Ledger(batch.budget, "Line", "batch")
    return await produce(context, batch, most_at_once(batch, {}), ledger, Crew(check, make)), ledger


def _lines(folder: Path, *lines: object) -> str:
    file = folder / "requests.jsonl"
    file.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return str(file)


def _problems(context: Context, requests: Iterable[Any] | None, file: str | None) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        prepare_batch(context, requests, file, CNY)
    return {problem.field: f"{problem.value}: {problem.message}" for problem in caught.value.problems}


async def test_each_line_is_a_clip_and_a_bad_one_does_not_end_the_others(
    context: Context, emulator: Emulator, tmp_path: Path
) -> None:
    before = emulator.ledger()["accepted"]
    bad = {**BOAT, "id": "bad", "prompt": "No [[emulator: fail=DataInspectionFailed]]"}
    file = _lines(tmp_path, BOAT, b"", bad, {**BOAT, "take": 2}, BOAT)

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

    async def check(asked: Prepared | VideoRequest | str, name: str, before_buying: BeforeBuying) -> Clip:
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


LINES: list[tuple[str, bytes, str]] = [
    ("not JSON", b"{", "lines[2]"),
    ("not UTF-8", b'{"prompt": "\xff"}', "lines[2]"),
    ("a list", b"[]", "lines[2]"),
    ("a field twice", b'{"prompt": "a", "prompt": "b"}', "lines[2]"),
    ("too deep", b"[" * 100_000, "lines[2]"),
    ("too long", b'{"prompt": "' + b"a" * MAX_LINE_BYTES + b'"}', "lines[2]"),
    ("an unknown field", b'{"promt": "a"}', "lines[2].promt"),
    ("a wrong value", json.dumps({**BOAT, "duration": 99}).encode(), "lines[2].duration"),
    ("a key and a request", json.dumps({**BOAT, "key": "f" * 64}).encode(), "lines[2].prompt"),
    ("a key that there is not", json.dumps({"key": "f" * 64}).encode(), "lines[2].key"),
    ("a part of a key", b'{"key": "ffffff"}', "lines[2].key"),
    ("an id twice", json.dumps({**BOAT, "id": "1"}).encode(), "lines[2].id"),
    ("an id that is a list", json.dumps({**BOAT, "id": []}).encode(), "lines[2].id"),
]


@pytest.mark.parametrize(("line", "field"), [pytest.param(*row[1:], id=row[0]) for row in LINES])
def test_a_line_that_is_wrong_is_named_and_nothing_is_bought(
    context: Context, emulator: Emulator, tmp_path: Path, line: bytes, field: str
) -> None:
    before = emulator.ledger()["creates"]
    file = _lines(tmp_path, BOAT, line, {**BOAT, "size": "big"})

    problems = _problems(context, None, file)

    # All of them at once, also those of lines behind it.
    assert {field, "lines[3].size"} <= problems.keys()
    assert emulator.ledger()["creates"] == before


def test_lines_are_read_as_editors_on_windows_write_them(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    lines = [json.dumps({**BOAT, "take": take}).encode() for take in (1, 2)]
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines) + b"\r\n")

    with prepare_batch(context, None, str(file), CNY) as batch:
        assert [entry.line for entry in batch.entries] == [1, 3]


def test_no_more_is_read_once_enough_is_wrong(context: Context) -> None:
    taken = itertools.count()

    problems = _problems(context, ({**BOAT, "duration": 99 + next(taken)} for _ in itertools.count()), None)

    assert MOST_LISTED <= len(problems) <= next(taken) <= MOST_LISTED + WINDOW


@pytest.mark.slow
def test_no_more_is_read_than_one_run_may_make(context: Context) -> None:
    problems = _problems(context, itertools.repeat(BOAT), None)

    assert problems == {"requests": "more than 10,000 requests: are too many for one run; split it"}


def test_lines_whose_picture_nobody_gives_now_are_named_and_each_picture_is_asked_for_once(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCHES, "+wan3.0-video")
    context.settings = context.settings.model_copy(update={"allow_private_hosts": True})
    with RawServer(reply({}, 503)) as server:
        silent = {"prompt": "A face", "reference_image": f"{server.base_url}/a.png", "duration": 2}
        other = {**silent, "reference_image": f"{server.base_url}/b.png"}
        ella = {"image": f"{server.base_url}/c.png"}
        third = {"prompt": "Image 1 waves", "model": "wan3.0-video", "size": "832*480", "references": [ella]}
        lines = [BOAT, silent, {**silent, "take": 2}, other, third]

        with pytest.raises(Unreachable) as caught:
            prepare_batch(context, None, _lines(tmp_path, *lines), CNY)
        asked = sorted(request.target.rpartition("/")[2] for request in server.requests)
        wrong = _problems(context, [*lines, {**BOAT, "size": "big"}], None)

    error = caught.value
    assert (type(error), error.exit_code, error.retryable) == (Unreachable, 8, True)
    # An earlier process of the run may have bought.
    assert error.message.splitlines()[0] == "4 lines cannot be checked now; nothing more was bought:"
    named = [line.strip(" -").split(":")[0] for line in error.message.splitlines()[1:]]
    assert named == [*(f"lines[{number}].reference_image" for number in (2, 3, 4)), "lines[5].references[1]"]
    assert asked == ["a.png", "b.png", "c.png"]
    # What is wrong for good is said first.
    assert set(wrong) == {"requests[6].size"}


def test_a_line_whose_clip_the_store_does_not_tell_is_named(context: Context) -> None:
    class Unread(CountedStore):
        def read(self, path: str, **more: Any) -> Any:
            raise StorageProblem(f"Could not read {path}.")

    context.store = Unread(context.store)  # type: ignore[assignment]

    with pytest.raises(StorageProblem, match=r"^requests\[2\]\.key: Could not read evidence/f") as caught:
        prepare_batch(context, [BOAT, {"key": "f" * 64}], None, CNY)

    assert (type(caught.value), caught.value.exit_code) == (StorageProblem, 7)


def test_files_that_cannot_be_read_are_refused(context: Context, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()

    for file in ("empty.jsonl", "nowhere.jsonl", "."):
        assert set(_problems(context, None, str(tmp_path / file))) == {"file"}
    for address in (
        "ftp://host/a.jsonl",
        "https://host/a.jsonl",
        "s3://bucket",
        "memory://",
        "simplecache::s3://b/a",
        "memory://b/nowhere",
        "memory://b/not here",
        "memory://b/..",
    ):
        assert set(_problems(context, None, address)) == {"file"}
    assert set(_problems(context, [], None)) == {"requests"}
    assert set(_problems(context, [[]], None)) == {"requests[1]"}
    assert set(_problems(context, None, None)) == {"requests"}


def test_an_address_that_is_not_read_is_told_with_those_that_are(context: Context) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare_batch(context, None, "oss://bucket/requests.jsonl", CNY)

    (problem,) = caught.value.problems
    assert "reached through its S3 endpoint, which is not given" in problem.message
    assert "with the store's own options where it has the same scheme" in (problem.allowed or "")


@pytest.mark.parametrize("form", ["{}", "file://{}", "FILE://{}", "File://localhost{}"])
def test_a_deployed_run_reads_files_below_its_folders_alone(
    context: Context, tmp_path: Path, form: str
) -> None:
    file = _lines(tmp_path, BOAT)
    context.input_roots = InputRoots([tmp_path / "allowed"])

    assert set(_problems(context, None, form.format(file))) == {"file"}


def test_lines_are_read_from_another_place_of_an_object_store(context: Context) -> None:
    from footage.storage import open_store

    open_store("memory://inbox").replace("requests.jsonl", json.dumps(BOAT).encode())

    with prepare_batch(context, None, "memory://inbox/requests.jsonl", CNY) as batch:
        assert [entry.model for entry in batch.entries] == [BOAT["model"]]
        assert batch.name.startswith("requests-")


NAMES = [
    "shots of today.jsonl",
    "Einstellungen für morgen.jsonl",
    "分镜.jsonl",
    "a+b=c (1) [2].jsonl",
    "100%.jsonl",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_lines_may_have_any_name(context: Context, name: str) -> None:
    # As another program writes it: a store of ours has plainer names.
    fsspec.filesystem("memory").pipe_file(f"/in box/{name}", json.dumps(BOAT).encode())

    with prepare_batch(context, None, f"memory://in box/{name}", CNY) as batch:
        assert [entry.model for entry in batch.entries] == [BOAT["model"]]
    assert set(_problems(context, None, f"memory://in box/no {name}")) == {"file"}


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
