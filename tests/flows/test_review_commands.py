"""`wan-video takes`, `pick`, `keep`, `reject` and `retake` from the outside, against the emulator and a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.cli import run
from flows.storyboard import storyboard as storyboard_flow
from footage.emulator import Emulator

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
Capture = pytest.CaptureFixture[str]


def _board(tmp_path: Path, *shots: dict[str, Any]) -> str:
    path = tmp_path / "board.json"
    defaults = {"model": "wanx2.1-t2v-turbo", "size": "832*480", "prompt": "A quiet harbour"}
    board = {"schema": "wan-video/storyboard/1", "title": "Film", "defaults": defaults, "shots": shots}
    path.write_text(json.dumps(board))
    return str(path)


def _printed(capsys: Capture, *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def _states(capsys: Capture, board: str) -> dict[str, tuple[str, list[tuple[int, str, bool]]]]:
    shots = _printed(capsys, "takes", board)["shots"]
    return {
        shot: (facts["state"], [(row["take"], row["state"], row["used"]) for row in facts["takes"]])
        for shot, facts in shots.items()
    }


def _accepted(emulator: Emulator) -> int:
    return int(emulator.ledger()["accepted"])


@pytest.mark.slow
def test_a_board_with_takes_is_reviewed_in_the_terminal_and_a_retake_is_bought_once(
    emulator: Emulator, tmp_path: Path, capsys: Capture
) -> None:
    board = _board(tmp_path, {"id": "a", "takes": 2, "seed": 7}, {"id": "b"})
    result = _printed(capsys, "storyboard", board)
    assert result["shots"] == {"a": "delivered", "a:2": "delivered", "b": "delivered"}

    # By the file of the board, by the name of its folder, and by the beginning of a key.
    pick = _printed(capsys, "pick", board, "a", "1", "--note", "the light", "--by", "ana", "--frame", "12")
    assert (pick["verdict"], pick["take"], pick["frame"], pick["by"]) == ("pick", 1, 12, "ana")
    assert "film.mp4" in pick["links"]
    assert _states(capsys, "Film")["a"] == ("picked", [(1, "pick", True), (2, "new", False)])
    _printed(capsys, "reject", "Film", "b", result["keys"]["b"][:12], "--no-cut")
    assert _states(capsys, board)["b"] == ("missing", [(1, "reject", False)])
    assert _accepted(emulator) == 3

    wish = ("retake", board, "a", "1", "--note", "calmer", "--by", "ana", "--prompt", "A calm harbour")
    priced = _printed(capsys, *wish, "--dry-run")
    assert [(shot["id"], shot["cost"], shot["seed"]) for shot in priced["shots"]] == [("a:3", "1.20", 9)]
    assert run([*wish, "--max-seconds", "4"]) == 6
    assert run([*wish, "--quote", "0" * 64]) == 2
    assert "another one now; nothing was bought" in " ".join(capsys.readouterr().err.split())
    assert (_accepted(emulator), _states(capsys, board)["a"][1][0]) == (3, (1, "retake", False))
    for _ in range(2):
        assert _printed(capsys, *wish)["shots"] == {"a:3": "delivered"}
    assert _accepted(emulator) == 4
    assert _states(capsys, board)["a"] == (
        "in review", [(1, "retake", False), (2, "new", False), (3, "new", True)]
    )  # fmt: skip
    picks = (tmp_path / "out").rglob("picks.jsonl")
    said = [json.loads(line) for line in next(picks).read_text().splitlines()]
    assert [(one["shot"], one["verdict"], one["note"]) for one in said if "note" in one] == [
        ("a", "pick", "the light"),
        ("a", "retake", "calmer"),
    ]


@pytest.mark.slow
def test_a_retake_that_is_killed_while_it_is_bought_is_finished_by_the_same_command_and_paid_once(
    emulator: Emulator, tmp_path: Path, capsys: Capture
) -> None:
    board = _board(tmp_path, {"id": "a"})
    assert run(["storyboard", board]) == 0
    wish = ["retake", board, "a", "1", "--note", "calmer", "--by", "ana"]

    first = subprocess.Popen([*COMMAND, *wish], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while _accepted(emulator) < 2:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()

    assert _printed(capsys, *wish)["shots"] == {"a:2": "delivered"}
    assert _accepted(emulator) == 2
    assert _states(capsys, board)["a"][1] == [(1, "retake", False), (2, "new", True)]


@pytest.mark.slow
async def test_verdicts_and_retakes_are_parameters_of_a_deployment_and_its_pages_lead_to_the_review_app(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_api: httpx.Client
) -> None:
    monkeypatch.setenv("WAN_VIDEO_REVIEW_URL", "https://review.example.com/")
    board = json.loads(Path(_board(tmp_path, {"id": "a", "takes": 2})).read_text())  # noqa: ASYNC240
    await storyboard_flow(board=board)

    picked: Any = await storyboard_flow(board=board, verdicts=[{"shot": "a", "take": 1, "verdict": "pick"}])
    assert picked["links"]["film.mp4"]
    assert _accepted(emulator) == 2

    made: Any = await storyboard_flow(
        board=board, retakes=[{"shot": "a", "take": 1, "note": "calmer", "seed": 3}]
    )
    assert made["shots"] == {"a:3": "delivered"}
    assert _accepted(emulator) == 3
    pages = " ".join(str(page["data"]) for page in prefect_api.post("artifacts/filter", json={}).json())  # noqa: ASYNC212 - nothing else waits
    assert "(https://review.example.com/boards/Film)" in pages
    assert f"(https://review.example.com/clips#{made['keys']['a:3']})" in pages


@pytest.mark.slow
def test_what_waits_for_a_pick_ends_with_the_command_that_goes_on(
    emulator: Emulator, tmp_path: Path, capsys: Capture
) -> None:
    image = {"model": "wan2.6-i2v-flash", "size": "1280*720", "duration": 2, "audio": False}
    board = _board(tmp_path, {"id": "a"}, {"id": "b", "start_from": "shot:a", **image})

    result = _printed(capsys, "storyboard", board, "--approve-shots", code=5)
    assert result["shots"] == {"a": "delivered", "b": "waiting"}
    assert result["commands"]["b"] == "wan-video pick Film a 1, then run the board again"
    assert run(["pick", "Film", "a", "1"]) == 0
    assert _printed(capsys, "storyboard", board, "--approve-shots")["shots"] == {
        "a": "delivered",
        "b": "delivered",
    }
    assert _accepted(emulator) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["takes", "nothing.yaml"], "board = 'nothing.yaml': is neither a file nor a board of this store"),
        (["pick", "../..", "a", "1"], "is neither a file nor a board of this store"),
        (["retake", "nothing.yaml", "a", "1", "--note", "x"], "a retake is bought from the board's own file"),
        (["retake", "nothing.yaml", "a", "1"], "a retake needs a note"),
        (["pick", "BOARD", "a", "1"], "no take of it is known here"),
        (["takes", "BOARD", "z"], "shot = z: the board has no such shot"),
        (["retake", "BOARD", "z", "1", "--note", "x"], "the board has no such shot. Allowed: a."),
    ],
)
def test_a_mistake_is_one_clear_refusal(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))
    board = _board(tmp_path, {"id": "a"})

    assert run([board if word == "BOARD" else word for word in arguments]) == 2

    assert words in " ".join(capsys.readouterr().err.split())
