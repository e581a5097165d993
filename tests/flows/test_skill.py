"""The skill: it validates, it says what help and catalogue say, and its own commands make a clip and a board."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli import COMMANDS, app, run
from flows.cli.skill_folder import EXAMPLE_BOARD, EXAMPLE_REQUEST, STOP
from footage.catalogue import CATALOGUE
from footage.emulator import Emulator
from footage.request import VideoRequest
from footage.settings import ROOM

_FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    assert run(["skill", str(tmp_path / "skills")]) == 0
    return tmp_path / "skills" / "wan-video"


def _parts(skill: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (skill / "SKILL.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def _commands(text: str) -> list[list[str]]:
    """What stands in code blocks for a shell, as words."""
    return [
        shlex.split(line)
        for kind, code in _FENCE.findall(text)
        if kind == "bash"
        for line in code.splitlines()
        if line
    ]


def test_the_folder_keeps_the_rules_of_the_specification(skill: Path) -> None:
    front, body = _parts(skill)

    assert set(front) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert front["name"] == skill.name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", front["name"])
    assert len(front["description"]) <= 1024
    assert front["description"].startswith("Use when")
    assert re.search(r"[\u4e00-\u9fff]", front["description"])
    assert len(front["compatibility"]) <= 500
    assert all(isinstance(value, str) for value in front["metadata"].values())
    assert front["metadata"]["origin"] == ROOM
    assert len(body.splitlines()) < 500
    for link in re.findall(r"\]\(([^)]+)\)", body):
        assert (skill / link).is_file()
        assert link.count("/") == 1


def test_nothing_that_buys_is_allowed_beforehand(skill: Path) -> None:
    front, _ = _parts(skill)

    allowed = re.findall(r"Bash\(wan-video ([^:]+):\*\)", front["allowed-tools"])
    assert set(allowed) == {"models", "explain", "doctor", "status"}


def test_every_command_of_the_skill_is_understood_and_every_name_is_one_of_today(skill: Path) -> None:
    _, body = _parts(skill)
    everything = "\n".join(path.read_text("utf-8") for path in skill.rglob("*.md"))

    commands = _commands(body)
    assert len(commands) >= 6
    for words in commands:
        app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert set(re.findall(r"`wan-video ([a-z][\w-]*)", everything)) <= set(COMMANDS)
    assert all(f"`wan-video {name}`" in everything for name in COMMANDS)
    assert all(f"`{name}`" in everything for name in CATALOGUE.models)
    assert all(f"| `{name}` |" in everything for name in VideoRequest.model_fields)
    options = {
        name
        for command in COMMANDS
        for one in app[command].assemble_argument_collection()
        for name in one.names
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", everything))
    assert named - options - {"--install-completion"} == set()


def test_written_again_it_replaces_itself_and_nothing_else(skill: Path, tmp_path: Path) -> None:
    (skill / "SKILL.md").write_text("old")
    assert run(["skill", str(skill)]) == 0
    assert (skill / "SKILL.md").read_text("utf-8").startswith("---\nname:")

    other = tmp_path / "other" / "wan-video"
    other.mkdir(parents=True)
    (other / "notes.txt").write_text("mine")
    assert run(["skill", str(other.parent)]) == 2
    assert [path.name for path in other.iterdir()] == ["notes.txt"]


def _ran(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Run one command as an agent does; its exit code and what is on stdout."""
    assert words[0] == "wan-video"
    code = run(words[1:])
    told = capsys.readouterr()
    assert code in (0, 5), told.err
    return code, json.loads(told.out)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_its_own_commands_stop_at_the_price_and_then_make_a_clip_and_a_board_within_their_caps(
    skill: Path,
    tmp_path: Path,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    _, body = _parts(skill)
    free, buying = body.split(STOP)
    (tmp_path / "request.json").write_text(json.dumps(EXAMPLE_REQUEST))
    (tmp_path / "board.yaml").write_text(EXAMPLE_BOARD)

    for words in _commands(free):
        assert _ran(words, capsys)[0] == 0
    assert emulator.ledger()["accepted"] == 0

    key = ""
    for words in _commands(buying):
        code, answer = _ran([key if word == "KEY" else word for word in words], capsys)
        key = answer.get("key", key)
        if words[1] == "wait":
            assert (code, answer["state"]) == (0, "finished")
        if words[1] == "storyboard":
            assert (code, set(answer["shots"].values())) == (0, {"delivered"})
            assert answer["cost"]["bought"] == words[words.index("--max-cost") + 1]
    assert emulator.ledger()["accepted"] == 1 + 3
