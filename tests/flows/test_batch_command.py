"""`wan-video generate --file`, and its flow, against a real Prefect server and the emulator."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from emulatedrun import environment, fast_emulator, run
from manymachines import process
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.states import Pending
from purchases import buy_and_leave
from waiting import until

from blocks.storage import VideoStorage
from flows.batch import generate_videos
from flows.cli import run as command
from footage.context import open_context
from footage.emulator import Emulator
from footage.evidence.state import Permission
from footage.settings import load_settings
from footage.spending.stop_switch import stop_buying
from footage.steps.check import enter, prepare
from footage.storyboard.plan_of_run import require_unchanged

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

BOAT = {"prompt": "A paper boat", "model": "wanx2.1-t2v-turbo", "size": "832*480"}
BAD = {**BOAT, "id": "bad", "prompt": "A storm [[emulator: fail=DataInspectionFailed]]"}


@pytest.fixture
def emulator(prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        yield emulator


def _file(folder: Path, *lines: dict[str, Any]) -> str:
    file = folder / "requests.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(file)


@pytest.mark.slow
def test_a_file_of_requests_is_made_in_one_run_and_each_line_is_told(
    emulator: Emulator, tmp_path: Path, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _file(tmp_path, BOAT, BAD, BOAT, {**BOAT, "take": 2})

    # One clip failed for good, the others are there.
    assert command(["generate", "--file", file, "--json", "--max-cost", "50"]) == 4

    told = json.loads(capsys.readouterr().out)
    assert [clip["state"] for clip in told["clips"]] == ["delivered", "failed", "delivered", "delivered"]
    assert told["clips"][2]["same_as"] == "1"
    assert "DataInspectionFailed" in told["clips"][1]["error"]
    assert (told["cost"]["paid_before"], told["counts"]) == ("0.00", {"delivered": 3, "failed": 1})
    assert emulator.ledger()["accepted"] == 3
    report = json.loads(Path(told["report_url"].removeprefix("file://")).read_text())
    assert report["clips"] == told["clips"]
    runs = prefect_api.post("flow_runs/filter", json={"flow_runs": {"id": {"any_": [told["run"]]}}}).json()
    assert [(one["state_name"], one["name"]) for one in runs] == [("Incomplete", "videos of requests.jsonl")]
    pages = {"artifacts": {"flow_run_id": {"any_": [told["run"]]}, "key": {"any_": ["batch-clips"]}}}
    (page,) = prefect_api.post("artifacts/filter", json=pages).json()
    # What is missing comes first.
    assert [row["id"] for row in json.loads(page["data"])] == ["bad", "1", "3", "4"]

    good = _file(tmp_path, BOAT, {**BOAT, "take": 2})
    assert command(["generate", "--file", good, "--json"]) == 0

    again = json.loads(capsys.readouterr().out)
    assert (again["cost"]["bought"], emulator.ledger()["accepted"]) == ("0.00", 3)
    assert all(clip["cached"] for clip in again["clips"])
    # It made nothing, so nobody has to clean up after it.
    assert list(tmp_path.glob(f"out/*/runs/{again['run']}")) == []


@pytest.mark.slow
def test_a_file_whose_run_was_killed_is_made_to_its_end_and_nothing_is_bought_twice(
    emulator: Emulator, prefect_server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A clip takes 1.5 s; two at once.
    emulator.turn(generation_s=900.0, concurrency=2)
    lines = [{**BOAT, "prompt": "A power cut", "take": take} for take in range(1, 7)]
    file = _file(tmp_path, *lines)
    line = [sys.executable, "-c", "from flows.cli import main; main()", "generate", "--file", file]
    environment = {**os.environ, **prefect_server.environment, "WAN_VIDEO_LEASE_S": "4"}
    with process(line, tmp_path / "log", environment) as started:
        until(lambda: len(list(tmp_path.glob("out/*/videos/*.mp4"))) >= 2, "two clips", 60)
        started.kill()
        started.wait()

    assert command(["generate", "--file", file, "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"delivered": len(lines)}
    assert (emulator.ledger()["creates"], emulator.ledger()["accepted"]) == (len(lines), len(lines))
    assert float(told["cost"]["paid_before"]) > 0


async def _tries(file: str, *contents: list[dict[str, Any]]) -> list[Any]:
    """The states in which the tries of one run end, each with other lines in its file."""
    asked = {"file": file, "max_seconds": 10}
    ended: list[Any] = []
    async with get_client() as client:
        run = await client.create_flow_run(generate_videos, parameters=asked, state=Pending())
        for lines in contents:
            _file(Path(file).parent, *lines)
            # As the automation and the button Retry start a run again.
            await client.set_flow_run_state(run.id, Pending(), force=True)
            again = await client.read_flow_run(run.id)
            ended.append(await run_flow_async(generate_videos, again, parameters=asked, return_type="state"))
    return ended


def test_a_run_whose_file_changed_since_it_began_buys_nothing_more_and_says_so(
    emulator: Emulator, tmp_path: Path
) -> None:
    file = str(tmp_path / "requests.jsonl")
    others = [{**BOAT, "prompt": "Another boat", "take": take} for take in (1, 2)]

    # Each content alone fits the cap of 10 s.
    begun, changed, same = asyncio.run(_tries(file, [BOAT, BAD], others, [BOAT, BAD]))

    assert (begun.name, changed.name, same.name) == ("Incomplete", "Failed", "Incomplete")
    for told in (
        "has changed since it began; nothing more was bought:",
        "- file: ",
        "start a new run",
        "harvest",
    ):
        assert told in changed.message
    assert "nothing was sent" not in changed.message
    bought = {task["body"]["input"]["prompt"] for task in emulator.tasks()}
    assert bought == {BOAT["prompt"], BAD["prompt"]}
    assert emulator.ledger()["creates"] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--max-cost", "0.5", "--currency", "CNY"], 6, id="over the cap"),
        pytest.param(["--key", "ffffff"], 2, id="a key besides"),
        pytest.param(["--prompt", "a boat"], 2, id="a request besides"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_bought(
    emulator: Emulator, tmp_path: Path, arguments: list[str], code: int
) -> None:
    file = _file(tmp_path, BOAT, {**BOAT, "take": 2})

    assert command(["generate", "--file", file, *arguments]) == code
    assert emulator.ledger()["creates"] == 0


def test_what_a_block_s_store_has_and_says_is_heeded_before_the_run(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = str(tmp_path / "block")
    VideoStorage(base=elsewhere).save("batch-films", overwrite=True)
    block = ["--storage-block", "batch-films"]
    with open_context(load_settings(output_dir=elsewhere)) as context:
        key = enter(context, prepare(context, BOAT), Permission()).key
        ordered = _file(tmp_path, {"key": key})

        assert command(["generate", "--file", ordered, "--dry-run", "--json"]) == 2
        capsys.readouterr()
        assert command(["generate", "--file", ordered, "--dry-run", "--json", *block]) == 0
        assert [line["key"] for line in json.loads(capsys.readouterr().out)] == [key]

        # One request is looked up like many.
        one = ["generate", "--prompt", BOAT["prompt"], "--model", BOAT["model"], "--size", BOAT["size"]]
        assert command([*one, "--dry-run", *block]) == 0
        assert command([*one, "--dry-run", "--storage-block", "no-such-films"]) == 2
        stop_buying(context.store, "somebody")
    board = tmp_path / "board.json"
    shot = {"id": "1", **BOAT}
    board.write_text(json.dumps({"schema": "wan-video/storyboard/1", "title": "Two stores", "shots": [shot]}))
    for asked in (["generate", "--file", _file(tmp_path, BOAT)], ["storyboard", str(board)]):
        assert command([*asked, "--dry-run"]) == 0
        assert command([*asked, "--dry-run", *block]) == 6


async def _bought(**request: Any) -> str:
    with open_context() as context:
        return (await buy_and_leave(context, request)).key


def test_a_run_that_a_board_started_buys_nothing_that_was_no_part_of_the_boards_caps(
    emulator: Emulator,
) -> None:
    emulator.fault("failed-without-code", times=2)
    keys = {name: asyncio.run(_bought(**BOAT, take=take)) for name, take in (("a", 1), ("b", 2))}
    board_run = str(uuid4())
    with open_context() as context:
        require_unchanged(context.store, board_run, {}, makes=True, paid={"a"})

    lines = [{"id": name, "key": key} for name, key in keys.items()]
    ended = run(generate_videos, requests=lines, board="Harbour", parent_run=board_run)

    told = {clip["id"]: clip for clip in ended.data.result["clips"]}
    assert {name: clip["state"] for name, clip in told.items()} == {"a": "held", "b": "delivered"}
    assert "new run of the board" in told["a"]["next"]
    assert emulator.ledger()["creates"] == 3


def test_a_line_with_a_key_is_bought_where_it_was_priced_and_for_no_more(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kite = {**BOAT, "model": "wan2.2-t2v-plus"}
    with open_context() as context:
        orders = [
            enter(context, prepare(context, kite | {"take": take}), Permission()).order for take in (1, 2)
        ]
    price = {"max_cost": f"{orders[0].quote.amount} {orders[0].quote.currency}"}
    here, elsewhere = ({"key": order.key, **price} for order in orders)

    # The worker that makes them has the key of another region, where they cost more.
    monkeypatch.setenv("WAN_VIDEO_REGION", "ap-southeast-1")
    lines = [{"id": "as priced", **here, "region": "cn-beijing"}, {"id": "dearer", **elsewhere}]
    ended = run(generate_videos, requests=lines)

    told = {clip["id"]: clip for clip in ended.data.result["clips"]}
    assert {name: clip["state"] for name, clip in told.items()} == {
        "as priced": "delivered",
        "dearer": "held",
    }
    assert told["as priced"]["cost"]["amount"] == str(orders[0].quote.amount)
    assert price["max_cost"] in told["dearer"]["error"]
    assert emulator.ledger()["creates"] == 1


def test_caps_in_two_currencies_are_refused(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text(json.dumps(BOAT))
    caps = ["--max-cost", "14 USD", "--approve-above", "50", "--currency", "CNY"]

    assert command(["generate", "--file", str(file), *caps]) == 2
    assert "currency = CNY" in capsys.readouterr().err
    assert emulator.ledger()["creates"] == 0


def test_a_cap_without_a_file_is_refused(emulator: Emulator) -> None:
    assert command(["generate", "--prompt", "a boat", "--model", BOAT["model"], "--max-cost", "1"]) == 2
    assert emulator.ledger()["creates"] == 0


def test_a_run_that_is_asked_for_nothing_or_for_something_wrong_says_so(emulator: Emulator) -> None:
    nothing = run(generate_videos)
    wrong = run(generate_videos, requests=[BOAT, {**BOAT, "duration": 99}])

    assert (nothing.name, wrong.name) == ("Failed", "Failed")
    assert "requests[2].duration = 99" in wrong.message
    assert emulator.ledger()["creates"] == 0
