"""Help, version and completion: what somebody types who has never seen the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import COMMANDS, run
from footage.catalogue import MODEL_NAMES, REGION_NAMES
from footage.storyboard import FORMATS


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run([*arguments]) == 0
    return capsys.readouterr().out


ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_version_has_the_flags_that_people_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "-V") == printed(capsys, "--version")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_page_of_help_fits_a_terminal_and_names_its_values(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = printed(capsys, name, "--help")

    assert max(map(len, page.splitlines())) <= 80
    words = {word.strip("[]│") for word in page.split()}
    assert not {"STR", "INT", "FLOAT", "PATH", "False", "None"} & words
    if not name.startswith("--"):
        assert printed(capsys, "help", name) == page


def test_help_alone_lists_the_commands_and_help_for_none_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "help") == printed(capsys, "--help")

    assert run(["help", "genrate"]) == 2
    assert 'Unknown command "genrate". Did you mean "generate"?' in " ".join(
        capsys.readouterr().err.replace("│", "").split()
    )


def test_the_help_of_generate_has_real_names_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    page = " ".join(printed(capsys, "generate", "--help").replace("│", "").split())

    assert f"[choices: {', '.join(MODEL_NAMES)}] [default: wan2.6-i2v-flash]" in page
    assert all(region in page for region in REGION_NAMES)
    assert "--size W*H" in page
    assert "[default: 1280*720]" in page
    assert "--fps RATE" in page
    assert "[default: 30]" in page


def test_the_request_of_the_readme_works_as_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed_in = (ROOT / "README.md").read_text("utf-8")
    request = printed_in.partition("<<'END'\n")[2].partition("\nEND")[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request.encode())))
    monkeypatch.chdir(ROOT)

    report = json.loads(printed(capsys, "explain", "-", "--json"))

    assert report["expected"]["fps"] == "24000/1001"
    assert report["quote"]["amount"] == "1.20"


def test_the_help_of_storyboard_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys, "storyboard", "--help")

    assert all(name in page for name in FORMATS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # The script asks the command itself for names of models.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    script = tmp_path / "completion"

    assert run(["--install-completion", "--shell", "bash", "--output", str(script)]) == 0
    assert str(script) in capsys.readouterr().err

    ask = (
        f"source {script}; f=$(complete -p wan-video | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
        'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE};'
        ' COMPREPLY=(); $f; echo "${COMPREPLY[*]}"; };'
        "try wan-video gen; try wan-video generate --model wan2.6-t; try wan-video storyboard --run in"
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["generate", "wan2.6-t2v-us", "inline"]


def test_a_completion_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    assert run(["--install-completion", "--shell", "zsh", "--output", str(tmp_path / "file" / "x")]) == 2
    assert "output = " in (told := capsys.readouterr().err)
    assert "Traceback" not in told


def test_the_picture_of_the_demo_is_there() -> None:
    from flows.cli.commands.demo import PICTURE

    assert PICTURE.is_file()
