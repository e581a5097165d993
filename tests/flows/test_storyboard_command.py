"""`wan-video storyboard` from the outside: the real flow, a real Prefect server, the emulator as provider."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import httpx
import opentimelineio as otio
import pytest

from flows.cli import run
from flows.storyboard import storyboard as storyboard_flow
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.values.money import total
from tasks.clip_runs import workers_of

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

EXAMPLE = Path(__file__).parents[2] / "footage" / "storyboard" / "examples" / "lighthouse.yaml"
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]


def _board(tmp_path: Path, *shots: dict[str, Any], **fields: Any) -> str:
    path = tmp_path / "board.json"
    defaults = {"model": "wanx2.1-t2v-turbo", "size": "832*480", "prompt": "A quiet harbour"}
    path.write_text(
        json.dumps(
            {
                "schema": "wan-video/storyboard/1",
                "title": "Test",
                "defaults": defaults,
                "shots": shots,
                **fields,
            }
        )
    )
    return str(path)


def _result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def _local(url: str) -> Path:
    return Path(url.removeprefix("file://"))


@pytest.mark.parametrize(("cents", "code"), [(0, 0), (-1, 6)])
def test_a_cap_of_the_printed_price_is_kept_and_one_of_a_cent_less_is_not(
    cents: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In USD, as a board that names no currency; the list's prices are in CNY.
    board = _board(tmp_path, *({"id": f"s{n}", "seed": n} for n in range(7)))
    assert run(["storyboard", board, "--dry-run"]) == 0
    told = capsys.readouterr().out
    printed = Decimal(re.findall(r"35 s, ([0-9.]+) USD \(8.40 CNY at 7.33924 CNY per USD\)", told)[0])

    cap = printed + Decimal(cents) / 100

    assert run(["storyboard", board, "--dry-run", "--max-cost", str(cap)]) == code
    capsys.readouterr()
    assert run(["storyboard", board, "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["currency"], document["to_buy"]["prices"]) == ("USD", {"CNY": "8.40"})
    assert printed - Decimal("0.01") < Decimal(document["to_buy"]["cost"]) <= printed


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_example_killed_in_the_middle_is_finished_by_a_second_run_that_buys_nothing_twice(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    first = subprocess.Popen(
        [*COMMAND, "storyboard", str(EXAMPLE)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _until(lambda: emulator.ledger()["accepted"] >= 4 and _stopped_between_purchases(first), first)
    first.send_signal(signal.SIGKILL)
    first.wait()

    assert run(["storyboard", str(EXAMPLE), "--json"]) == 0

    result = _result(capsys)
    assert emulator.ledger()["accepted"] == 12
    assert set(result["shots"].values()) == {"delivered"}
    _assert_lengths_agree(result)
    _assert_books_agree(result, emulator, capsys)


def _stopped_between_purchases(process: subprocess.Popen[Any]) -> bool:
    """Stop a run unless a create of it is on its way: one that was not sent after all is left to a third run."""
    process.send_signal(signal.SIGSTOP)
    attempts = [intent.parent for intent in Path(os.environ["OUTPUT_DIR"]).rglob("intent.json")]
    settled = all(any((one / name).exists() for name in ("receipt.json", "outcome.json")) for one in attempts)
    if not settled:
        process.send_signal(signal.SIGCONT)
    return settled


def _assert_books_agree(
    result: dict[str, Any], emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the run, the ledger and the status of the store say was spent, and what the provider billed."""
    assert run(["spending", "--by", "line", "--json"]) == 0
    lines = _result(capsys)["spending"]
    assert run(["status", "--json"]) == 0
    status = _result(capsys)

    spent: dict[str, Decimal] = {}
    for line in lines:
        spent[line["currency"]] = spent.get(line["currency"], Decimal(0)) + Decimal(line["amount"])
    today: dict[str, Decimal] = {}
    for amounts in status["spent_today"].values():
        for currency, amount in amounts.items():
            today[currency] = today.get(currency, Decimal(0)) + Decimal(amount)
    assert today == spent
    assert total(spent, result["cost"]["currency"]) == pytest.approx(Decimal(result["cost"]["together"]))
    # What the killed run had promised and not sent was given back.
    bought = [line for line in lines if line["state"] == "bought"]
    assert {line["state"] for line in lines} <= {"bought", "unsent", "refused"}
    assert len(bought) == len(emulator.ledger()["billed"]) == 12
    # Those that the killed run bought, too.
    assert {line["board"] for line in bought} == {"The Keeper"}
    assert status["waiting"] == 0


def _assert_lengths_agree(result: dict[str, Any]) -> None:
    """OpenTimelineIO's own reader and FFmpeg's, of the film and of the clips, tell the same."""
    timeline = otio.adapters.read_from_file(str(_local(result["links"]["timeline.otio"])))
    clips = list(timeline.find_clips())
    folder = _local(result["links"]["timeline.otio"]).parent
    for clip in clips:
        clip_s = _video_s((folder / clip.media_reference.target_url).resolve())
        assert clip.duration().to_seconds() == pytest.approx(clip_s, abs=0.04)
    film_s = _video_s(_local(result["links"]["film.mp4"]))
    assert len(clips) == 12
    assert timeline.duration().to_seconds() == pytest.approx(film_s, abs=0.04)
    assert result["film_s"] == pytest.approx(film_s, abs=0.04)


def _video_s(path: Path) -> float:
    """The length of the pictures of a file, by its own index."""
    with av.open(str(path)) as container:
        (video,) = container.streams.video
        assert video.duration is not None
        assert video.time_base is not None
        return float(video.duration * video.time_base)


def _until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not reached():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run did not get so far"
        time.sleep(0.05)


def test_a_board_with_a_wrong_shot_buys_nothing_and_names_the_shot(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = _board(tmp_path, {"id": "a"}, {"id": "b", "duration": 7, "size": "1*1"})

    assert run(["storyboard", board]) == 2

    told = capsys.readouterr().err
    assert "shots[b].duration" in told
    assert "shots[b].size" in told
    assert emulator.ledger()["creates"] == 0


def test_a_board_over_its_cap_buys_nothing(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = _board(tmp_path, {"id": "a"}, {"id": "b", "take": 2}, budget={"max_seconds": 9})

    assert run(["storyboard", board]) == 6
    assert "10 s" in capsys.readouterr().err

    assert run(["storyboard", board, "--dry-run", "--max-seconds", "10"]) == 0
    assert "Caps: at most 10 s" in capsys.readouterr().out
    assert run(["storyboard", board, "--dry-run", "--max-seconds", "10", "--max-cost", "0.3"]) == 6
    told = capsys.readouterr()
    assert "the cap is 0.30 USD" in told.err
    assert "at most 0.30 USD" in told.out
    assert run(["storyboard", board, "--max-cost=-1"]) == 2
    assert emulator.ledger()["creates"] == 0


@pytest.mark.slow
def test_a_failed_shot_sinks_only_those_that_start_from_it(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str], prefect_api: httpx.Client
) -> None:
    chained = {
        "model": "wan2.6-i2v-flash",
        "size": "1280*720",
        "duration": 2,
        "start_from": "prev_last_frame",
    }
    board = _board(
        tmp_path,
        {"id": "good", "prompt": "A calm sea"},
        {"id": "bad", "prompt": "A storm [[emulator: fail=DataInspectionFailed]]"},
        {"id": "after-bad", "prompt": "The storm goes on", **chained},
        title="Sea film",
    )

    assert run(["storyboard", board, "--json"]) == 4

    result = _result(capsys)
    assert result["shots"] == {"good": "delivered", "bad": "failed", "after-bad": "skipped"}
    assert "--retry-failed" in result["commands"]["bad"]
    assert "DataInspectionFailed" in _local(result["links"]["dailies.html"]).read_text()
    (page,) = _pages(prefect_api, "sea-film-storyboard")
    missing = [line for line in page.splitlines() if line.startswith("- **")]
    assert [line.split("**")[1] for line in missing] == ["bad", "after\\-bad"]
    assert "DataInspectionFailed" in missing[0]
    assert "retry" in missing[0].split("**Next:**")[1]


def _pages(api: httpx.Client, key: str) -> list[str]:
    """What the artifacts of this key show."""
    question = {"artifacts": {"key": {"any_": [key]}}}
    return [one["data"] for one in api.post("artifacts/filter", json=question).raise_for_status().json()]


def test_a_board_that_nothing_answered_ends_as_such_and_not_as_one_that_is_unfinished(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.fault("create-reset", times=None)
    board = _board(tmp_path, {"id": "a", "prompt": "Nobody hears of it"})

    assert run(["storyboard", board, "--json"]) == 8

    emulator.clear_faults()
    result = _result(capsys)
    assert (result["shots"], result["unreachable"]) == ({"a": "unfinished"}, ["a"])
    assert emulator.ledger()["accepted"] == 0


@pytest.mark.slow
def test_a_board_that_is_all_stored_needs_neither_key_nor_provider(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    i2v = {"model": "wan2.6-i2v-flash", "duration": 2, "size": "1280*720", "start_from": "shot:a"}
    board = _board(tmp_path, {"id": "a", "size": "1280*720"}, {"id": "b", **i2v})
    assert run(["storyboard", board, "--json"]) == 0
    capsys.readouterr()
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    asked = emulator.ledger()["requests"]

    code = run(["storyboard", board, "--json"])

    assert code == 0, capsys.readouterr().err
    told = _result(capsys)
    assert told["shots"] == {"a": "delivered", "b": "delivered"}
    assert (told["cost"]["bought"], told["cost"]["together"]) == ("0.00", told["cost"]["paid_before"])
    assert emulator.ledger()["requests"] == asked


async def test_shots_cannot_be_spread_over_a_deployment_that_is_not_there(prefect_server: Any) -> None:
    with pytest.raises(InvalidRequest, match="no deployment generate-videos/elsewhere") as caught:
        await workers_of("generate-videos/elsewhere")

    assert "wan-video setup" in str(caught.value.next_step)


@pytest.mark.slow
def test_a_price_above_the_limit_waits_for_a_persons_yes(
    emulator: Emulator, tmp_path: Path, prefect_server: Any
) -> None:
    board = _board(tmp_path, {"id": "a"}, budget={"approve_above": 0, "currency": "CNY"})
    with (tmp_path / "stderr").open("w") as stderr:
        waiting = subprocess.Popen(
            [*COMMAND, "storyboard", board, "--json"], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    run_id = _paused_run(prefect_server.url, waiting)
    asked = (tmp_path / "stderr").read_text()
    assert "1.20 CNY" in asked
    assert f"wan-video storyboard --approve {run_id}" in asked
    assert emulator.ledger()["creates"] == 0

    # What any web page can send without asking first.
    empty = httpx.post(
        f"{prefect_server.url}/flow_runs/{run_id}/resume", headers={"Content-Type": "text/plain"}
    )
    assert empty.json()["status"] == "REJECT"
    assert emulator.ledger()["creates"] == 0

    # What a host allows because of its first words approves nothing.
    assert run(["storyboard", "--dry-run", "--approve", run_id]) == 2
    assert run(["storyboard", board, "--approve", run_id]) == 2
    assert emulator.ledger()["creates"] == 0

    assert run(["storyboard", "--approve", run_id]) == 0
    told, _ = waiting.communicate(timeout=90)
    assert json.loads(told)["shots"] == {"a": "delivered"}


def _paused_run(api: str, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the run did not wait"
        answer = httpx.post(
            f"{api}/flow_runs/filter", json={"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
        )
        if answer.json():
            return answer.json()[0]["id"]
        time.sleep(0.2)
    raise AssertionError("no run is paused")


@pytest.mark.slow
def test_a_board_that_is_not_certain_buys_nothing_and_is_bought_as_its_answers_say(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "list.csv"
    board.write_text("Shot,Text,Duration\n1,A bell rings in the square,5\n2,Pigeons fly up,5\n")

    assert run(["storyboard", str(board)]) == 2
    assert emulator.ledger()["creates"] == 0
    capsys.readouterr()
    assert run(["storyboard", str(board), "--json", "--map", "Text=description", "--set", "2.skip=true"]) == 0

    assert _result(capsys)["shots"] == {"1": "delivered"}
    assert emulator.ledger()["accepted"] == 1


async def test_a_run_without_a_command_line_is_refused_with_the_same_table(
    emulator: Emulator, tmp_path: Path
) -> None:
    board = [{"shot": 1, "text": "A bell rings in the square", "duration": 5}]

    # Prefect types the state of an async flow as if it were not awaited.
    state: Any = await storyboard_flow({"shots": board}, return_state=True)  # pyright: ignore[reportGeneralTypeIssues]

    assert state.is_failed()
    assert "doubtful because" in str(state.message)
    assert "--map text=description" in str(state.message)
    assert emulator.ledger()["creates"] == 0
