"""`wan-video review` from the outside: a retake is bought by a process that outlives a killed app, and bought once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from filmboards import FOLDER, accepted, film, in_cut, make_film
from reviewapp import document, entered
from waiting import until

from flows.cli import run
from footage.context import Context, open_context
from footage.emulator import Emulator

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
WISH = {"shot": "a", "take": "1", "note": "calmer", "prompt": "A calm harbour", "by": "ana"}


@contextmanager
def review(board: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command and the address that it prints."""
    process = subprocess.Popen([*COMMAND, "review", board], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def board(tmp_path: Path, emulator: Emulator) -> Iterator[tuple[str, Context]]:
    """The file of a board whose shot is made, and its store."""
    made = film({"id": "a"}, {"id": "b", "seed": 3}, budget={"currency": "CNY"})
    path = tmp_path / "board.json"
    path.write_text(json.dumps(made))
    with open_context() as context:
        asyncio.run(make_film(context, made))
        yield str(path), context


def take_two(client: httpx.Client) -> dict[str, Any] | None:
    takes = document(client)["shots"][0]["takes"]
    return takes[1] if len(takes) > 1 and takes[1]["video"] else None


@pytest.mark.slow
def test_an_app_that_is_killed_while_a_retake_is_bought_loses_nothing_and_buys_nothing_twice(
    board: tuple[str, Context], emulator: Emulator
) -> None:
    path, context = board
    with review(path) as (app, address), entered(address) as client:
        words = {"shot": "b", "take": "1", "verdict": "reject"}
        assert client.post("/api/boards/Film/verdicts", json=words).status_code == 201
        quote = client.post("/api/boards/Film/quotes", json=WISH).json()["quote"]
        assert client.post("/api/boards/Film/retakes", json={**WISH, "quote": quote}).status_code == 202
        until(lambda: accepted(emulator) == 3, "its retake is bought", 90)
        app.kill()
        app.wait()

    with review(path) as (_, address), entered(address) as client:
        made = until(lambda: take_two(client), "its retake is shown", 90)
        again = client.post("/api/boards/Film/quotes", json=WISH).json()
        shown = until(
            lambda: None if (board := document(client))["cutting"] else board, "the cut follows", 90
        )

    assert (made["take"], made["prompt"], accepted(emulator)) == (2, "A calm harbour", 3)
    assert "is paid already" in again["words"]
    assert [shot["state"] for shot in shown["shots"]] == ["in review", "missing"]
    until(lambda: in_cut(context) == {"a": 2, "b": None}, "the cut follows", 90)
    assert context.store.exists(f"{FOLDER}/review.html")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.yaml"], "board = 'nothing.yaml': is neither a file nor a board of this store"),
        (["../.."], "is neither a file nor a board of this store"),
        (["--port", "99999"], "port = 127.0.0.1:99999: cannot be listened on"),
    ],
)
def test_a_mistake_is_one_clear_refusal(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))

    assert run(["review", *arguments]) == 2

    assert words in " ".join(capsys.readouterr().err.split())
