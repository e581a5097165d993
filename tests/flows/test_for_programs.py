"""What programs and agents need of the command line: errors as JSON, a cap, a purchase that does not block, a wait."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import last_receipt
from emulatedrun import environment

from flows.cli import COMMANDS, run
from flows.generate import finish_video
from footage.context import open_context
from footage.emulator import Emulator
from footage.evidence.state import Permission
from footage.steps.check import enter, prepare, reopen

CLIP = ["--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"]


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    """A provider whose clips take seconds, and an environment that points at it."""
    with Emulator(speed=20, render="tiny", state_dir=tmp_path / "emulator", query_qps=None) as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PREFECT_API_URL", prefect_server.url)
        yield emulator


@pytest.fixture
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code, and what is alone on stdout."""
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("nothing_configured")
def test_a_refused_request_is_json_with_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = said(["generate", *CLIP, "--duration", "4.5", "--seed=-1"], capsys)

    error = answer["error"]
    assert code == error["exit_code"] == 2
    assert (error["kind"], error["billed"], error["retryable"]) == ("InvalidRequest", "no", False)
    assert {one["field"] for one in error["fields"]} == {"duration", "seed"}
    assert all(one["allowed"] and one["value"] for one in error["fields"])


@pytest.mark.usefixtures("nothing_configured")
@pytest.mark.parametrize(
    ("arguments", "code", "kind", "billed"),
    [
        pytest.param(["models", "--nothing-like-it=1"], 2, "Usage", "no", id="an option that is none"),
        pytest.param(["generate", *CLIP], 3, "AccountProblem", "unknown", id="no key"),
        pytest.param(["generate", *CLIP, "--max-cost", "0.69 CNY"], 6, "OverBudget", "no", id="over the cap"),
        pytest.param(["generate", *CLIP, "--max-cost", "1"], 2, "InvalidRequest", "no", id="no currency"),
        pytest.param(["wait", "abcdef", "--for", "0"], 2, "InvalidRequest", "no", id="no such clip"),
    ],
)
def test_each_mistake_is_json_with_its_kind_and_code(
    arguments: list[str], code: int, kind: str, billed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_with, answer = said(arguments, capsys)

    assert (ended_with, answer["error"]["kind"], answer["error"]["billed"]) == (code, kind, billed)
    assert answer["error"]["message"]


@pytest.mark.usefixtures("nothing_configured")
def test_without_json_nothing_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", *CLIP, "--duration", "4.5"]) == 2

    assert capsys.readouterr().out == ""


def test_the_whole_command_line_can_be_read_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = said(["commands"], capsys)

    assert code == 0
    assert [one["name"] for one in answer["commands"]] == list(COMMANDS)
    generate = next(one for one in answer["commands"] if one["name"] == "generate")
    options = {name: option for option in generate["options"] for name in option["names"]}
    assert options["--max-cost"]["value"] == "AMOUNT"
    assert options["--submit-only"]["value"] is None
    assert options["--prompt"]["help"]
    assert "5 not finished" in answer["exit_codes"]


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("generate", "storyboard"):
        run([command, "--help"])

        assert "6 over the budget" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_submit_only_returns_when_the_clip_is_bought_and_wait_waits_for_it(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    code, booked = said(["generate", *CLIP, "--max-cost", "0.70 CNY", "--submit-only"], capsys)

    assert code == 5
    assert booked["task_id"] in {task["task_id"] for task in emulator.tasks()}
    assert any(command.startswith("wan-video wait ") for command in booked["commands"])

    # Somebody else asks for the same meanwhile.
    code, again = said(["generate", *CLIP, "--submit-only"], capsys)
    assert (code, again["task_id"]) == (5, booked["task_id"])

    code, ended = said(["wait", booked["key"], "--for", "60"], capsys)
    assert (code, ended["state"], ended["timed_out"]) == (0, "finished", False)

    code, stored = said(["generate", *CLIP, "--submit-only"], capsys)
    assert (code, stored["video_url"], stored["cached"]) == (0, ended["video_url"], True)
    assert emulator.ledger()["accepted"] == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_clip_is_bought_in_the_region_that_is_given_now_and_not_in_that_of_its_first_order(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    # By mistake; they cost more there.
    first, second, third = (_ordered(take, "ap-southeast-1") for take in (1, 2, 3))
    most = ["--max-cost", "0.70 CNY"]

    code, booked = said(["generate", *CLIP, *most, "--submit-only"], capsys)
    assert (code, booked["key"]) == (5, first)
    assert said(["wait", first, "--for", "60"], capsys)[1]["state"] == "finished"
    assert said(["generate", "--key", second, *most], capsys)[0] == 6
    assert said(["generate", "--key", second, "--region", "cn-beijing", *most], capsys)[0] == 0
    # Typed for every kind of flow at once; that of an async one is awaited.
    finishing: Any = finish_video(third, max_cost="0.70 CNY", region="cn-beijing", return_state=True)
    asyncio.run(finishing)

    with open_context() as context:
        receipts = [last_receipt(reopen(context, key, Permission())) for key in (first, second, third)]
    assert [receipt.region for receipt in receipts] == ["cn-beijing"] * 3


@pytest.mark.usefixtures("nothing_configured")
@pytest.mark.parametrize(
    ("flags", "field"),
    [
        pytest.param(["--region", "us-east-1"], "region", id="not offered there"),
        pytest.param(["--region", "cn-beijing", "--take", "2"], "key", id="another field besides"),
    ],
)
def test_what_cannot_be_said_beside_a_key_is_refused(
    capsys: pytest.CaptureFixture[str], flags: list[str], field: str
) -> None:
    code, answer = said(["generate", "--key", _ordered(), *flags], capsys)

    assert code == 2
    assert [one["field"] for one in answer["error"]["fields"]] == [field]


def _ordered(take: int = 1, region: str | None = None) -> str:
    """The key of a clip that was ordered, and not bought."""
    request = {"prompt": "A kite", "model": "wan2.2-t2v-plus", "size": "832*480", "take": take}
    with open_context() as context:
        return enter(context, prepare(context, request | {"region": region}), Permission()).key


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_stored_clip_that_is_damaged_is_brought_back_by_who_may_spend_nothing(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, made = said(["generate", *CLIP], capsys)
    (video,) = (tmp_path / "out").rglob(f"videos/{made['key']}.mp4")
    video.unlink()

    code, again = said(["generate", "--key", made["key"], "--max-cost", "0 CNY"], capsys)

    assert (code, again["key"]) == (0, made["key"])
    assert video.stat().st_size
    assert emulator.ledger()["creates"] == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_stops_the_process_that_buys_is_told_by_who_started_it(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.fault("create-refused-InvalidApiKey")

    code, answer = said(["generate", *CLIP, "--submit-only"], capsys)

    assert (code, answer["error"]["kind"]) == (3, "AccountProblem")
    emulator.fault("create-refused-InvalidApiKey")
    assert run(["generate", *CLIP, "--submit-only"]) == 3
    assert "AccountProblem: " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_wait_that_is_over_says_so_and_where_the_clip_stands(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.fault("stuck-running")
    _, booked = said(["generate", *CLIP, "--submit-only"], capsys)

    code, now = said(["wait", booked["key"], "--for", "0"], capsys)

    assert (code, now["state"], now["timed_out"]) == (5, "waiting for the provider", True)
    program = f"from flows.cli import run; run(['cancel', '{booked['key']}'])"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    emulator.advance(4 * 3600)
    assert said(["wait", booked["key"], "--for", "60"], capsys)[0] in (4, 5)
