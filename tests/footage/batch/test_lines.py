"""Lines of a batch: how they are read, and what is wrong with them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from boards import planned
from countedstore import CountedStore
from linesfile import lines_file
from rawserver import RawServer, reply

from footage.batch.batch_check import prepare_batch
from footage.batch.lines import MAX_LINE_BYTES
from footage.batch.prepared_batch import WINDOW
from footage.catalogue import SWITCHES
from footage.context import Context
from footage.emulator import Emulator
from footage.errors import MOST_LISTED, InvalidRequest, StorageProblem, Unreachable
from footage.input_roots import InputRoots
from footage.order.rules import TAKE_MAX
from footage.storyboard import Budget
from footage.storyboard.graph import MAX_ID_CHARS

BOAT = {"prompt": "A paper boat", "model": "wanx2.1-t2v-turbo", "size": "832*480"}
CNY = Budget(currency="CNY")


def _problems(context: Context, requests: Iterable[Any] | None, file: str | None) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        prepare_batch(context, requests, file, CNY)
    return {problem.field: f"{problem.value}: {problem.message}" for problem in caught.value.problems}


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
    (
        "a key and no region",
        json.dumps({"key": "f" * 64, "region": ["cn-beijing"]}).encode(),
        "lines[2].region",
    ),
    (
        "a price that is a number",
        json.dumps({"key": "f" * 64, "max_cost": 0.7}).encode(),
        "lines[2].max_cost",
    ),
    ("a price in nothing", json.dumps({"key": "f" * 64, "max_cost": "0.7"}).encode(), "lines[2].max_cost"),
    ("an id twice", json.dumps({**BOAT, "id": "1"}).encode(), "lines[2].id"),
    ("an id that is a list", json.dumps({**BOAT, "id": []}).encode(), "lines[2].id"),
    ("an id that is too long", json.dumps({**BOAT, "id": "a" * 73}).encode(), "lines[2].id"),
]


@pytest.mark.parametrize(("line", "field"), [pytest.param(*row[1:], id=row[0]) for row in LINES])
def test_a_line_that_is_wrong_is_named_and_nothing_is_bought(
    context: Context, emulator: Emulator, tmp_path: Path, line: bytes, field: str
) -> None:
    before = emulator.ledger()["creates"]
    file = lines_file(tmp_path, BOAT, line, {**BOAT, "size": "big"})

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


def test_a_line_may_have_the_id_of_any_take_of_a_board(context: Context) -> None:
    shot = {"id": "s" * MAX_ID_CHARS, "take": TAKE_MAX - 1, "takes": 2}
    takes = planned(shot).takes

    requests = [{**BOAT, "id": take.id, "take": take.take} for take in takes]
    with prepare_batch(context, requests, None, CNY) as batch:
        assert [entry.id for entry in batch.entries] == [take.id for take in takes]


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
            prepare_batch(context, None, lines_file(tmp_path, *lines), CNY)
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


def test_a_line_whose_order_does_not_fit_is_named_with_all_that_is_wrong(context: Context) -> None:
    key = "f" * 64
    context.store.create(f"evidence/{key}/request.json", b"{")

    problems = _problems(context, [BOAT, {"key": key}, {**BOAT, "size": "big"}], None)

    assert set(problems) == {"requests[2].key", "requests[3].size"}
    assert f"evidence/{key}/request.json does not fit" in problems["requests[2].key"]


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
    file = lines_file(tmp_path, BOAT)
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
