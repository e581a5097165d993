"""`wan-video list` from the outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from libraryclips import bought, finished

from flows.cli import run
from flows.cli.commands.list import STATES
from footage.library import LIBRARY_STATES
from footage.settings import load_settings
from footage.storage import Store, open_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return open_store(load_settings().store_url)


def printed(capsys: Capture, *arguments: str) -> Any:
    assert run(["list", *arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_clips_are_listed_for_people_and_for_programs(store: Store, capsys: Capture) -> None:
    key = finished(store, "A paper boat\u202e at\ndawn")
    bought(store, "A kite")
    store.create(f"storyboards/Film/takes/s01/1-{key}.json", b"{}")

    found = printed(capsys, "boat")
    assert found["total"] == 1
    clip = found["clips"][0]
    assert (clip["key"], clip["state"], clip["at"]) == (key, "finished", "2026-11-20T09:00:00Z")
    assert clip["video_url"].endswith(f"/videos/{key}.mp4")
    assert [clip["key"] for clip in printed(capsys, "--board", "Film")["clips"]] == [key]
    assert printed(capsys, "--since", "2026-11-21")["total"] == 0

    assert run(["list", "--limit", "1"]) == 0
    told = capsys.readouterr()
    assert "A kite" in told.out
    assert "1 of 2 clips; --limit 2 shows all." in told.err
    assert run(["list", "boat"]) == 0
    assert "\u202e" not in (line := capsys.readouterr().out)
    assert "[Film/s01]" in line
    assert line.count("\n") == 1


def test_an_empty_store_is_no_error(store: Store, capsys: Capture) -> None:
    assert printed(capsys) == {"total": 0, "clips": []}


def test_clips_of_a_model_that_was_switched_on_are_found_by_its_name(
    store: Store, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_MODELS", "+wan2.7-t2v")
    key = bought(store, "A kite", model="wan2.7-t2v").key
    assert [clip["key"] for clip in printed(capsys, "--model", "wan2.7-t2v")["clips"]] == [key]

    # What was bought stays when it is switched off.
    monkeypatch.delenv("WAN_VIDEO_MODELS")
    assert [clip["key"] for clip in printed(capsys, "--model", "wan2.7-t2v")["clips"]] == [key]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "done"], "state = 'done': there is no such state. Allowed: open, finished"),
        (["--model", "wan9"], "model = 'wan9': there is no such model. Allowed: wan2.2-t2v-plus"),
        (["--since", "soon"], "since = 'soon': is no date. Allowed: 2026-11-28"),
        (["--since", "99999999d"], "since = '99999999d': is no date"),
        (["--limit", "0"], "limit = 0: is no number of clips. Allowed: 1 or more"),
        (["--board", "Film"], "board = 'Film': no clip is of such a board. Allowed: none yet"),
    ],
)
def test_a_mistake_is_one_clear_refusal(
    arguments: list[str], words: str, store: Store, capsys: Capture
) -> None:
    assert run(["list", *arguments]) == 2

    assert words in " ".join(capsys.readouterr().err.split())


def test_the_states_that_are_offered_are_those_that_there_are() -> None:
    assert STATES == LIBRARY_STATES
