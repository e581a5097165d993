"""What a user gets wrong ends in a line that says so and in a defined code, and never in a traceback."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from flows.cli import COMMANDS, app, guarded, run

CLIP = ["--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"]
DRY = ["generate", *CLIP, "--dry-run"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files of all kinds, and a home without a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.json").touch()
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "nested.json").write_text('{"prompt": ' * 400 + "1" + "}" * 400)
    (tmp_path / "twice.json").write_text('{"prompt": "A kite", "seed": 1,\n "seed": 2}')
    (tmp_path / "inner.json").write_text('{"prompt": "A kite", "reference_image": {"url": 1, "url": 2}}')
    (tmp_path / "nan.json").write_text('{"prompt": "A kite", "fps": NaN}')
    (tmp_path / "huge.json").write_text('{"prompt": "A kite", "seed": 1' + "0" * 5000 + "}")
    (tmp_path / "utf16.json").write_bytes('{"prompt": "A kite"}'.encode("utf-16"))
    return tmp_path


MISTAKES = {
    "broken JSON in the options of the store": (
        DRY,
        {"WAN_VIDEO_STORAGE_OPTIONS": '{"secret": "hush'},
        2,
        "WAN_VIDEO_STORAGE_OPTIONS = .not shown.: is not JSON",
    ),
    "JSON of another kind": (
        DRY,
        {"WAN_VIDEO_STORAGE_OPTIONS": "[1]"},
        2,
        "WAN_VIDEO_STORAGE_OPTIONS.*Allowed: a JSON object",
    ),
    "a list that is none": (
        DRY,
        {"WAN_VIDEO_RESULT_HOSTS": "*.aliyuncs.com"},
        2,
        r"WAN_VIDEO_RESULT_HOSTS = '\*.aliyuncs.com': is not JSON.*Allowed: a JSON list",
    ),
    "an endless pause": (DRY, {"WAN_VIDEO_POLL_MAX_S": "inf"}, 2, "WAN_VIDEO_POLL_MAX_S = 'inf'.*finite"),
    "an endpoint that is no address": (DRY, {"DASHSCOPE_HTTP_BASE_URL": "http://[::1"}, 2, "http.s. address"),
    "an output folder in nobody's home": (DRY, {"OUTPUT_DIR": "~nobody-here/out"}, 2, "OUTPUT_DIR = "),
    "a bucket that is none": (DRY, {"OUTPUT_DIR": "s3://[bucket"}, 2, "OUTPUT_DIR = "),
    "a currency of caps that there are not": (
        [*DRY, "--currency", "CNY"],
        {},
        2,
        "currency = CNY: .*--file. Allowed: max_cost with its own",
    ),
    "an unknown flag": (["generate", "--promt", "A kite"], {}, 2, "Did you mean --prompt"),
    "an unknown command": (["harvets"], {}, 2, "(?s)Unknown command.*harvest"),
    "a word for a number": (["harvest", "--wait", "long"], {}, 2, "--wait"),
    "a bad request for a store of a block": (
        [
            "generate",
            "--prompt",
            "A kite",
            "--model",
            "wan9",
            "--duration",
            "long",
            "--storage-block",
            "films",
        ],
        {},
        2,
        "duration = 'long'.*\n.*model = 'wan9'",
    ),
    "no key anywhere": (["generate", *CLIP], {}, 3, "No Model Studio API key was found"),
    "a wait of less than nothing": (["harvest", "--wait", "-5"], {}, 2, "wait = -5.*Allowed: 0 or more"),
    "a wait without an end": (["harvest", "--wait", "inf"], {}, 2, "wait = inf.*Allowed: 0 or more"),
    "a name that no block can have": (
        ["setup", "--storage-block", "My films"],
        {},
        2,
        "storage_block = 'My films'",
    ),
    "nothing asked": (["explain"], {}, 2, "give a JSON file"),
    "a folder for a file": (["explain", "folder"], {}, 2, "file = folder: cannot be read"),
    "a home of nobody": (
        ["generate", "~nosuchuser/clip.json"],
        {},
        2,
        "~nosuchuser/clip.json: cannot be read",
    ),
    "a board in a home of nobody": (
        ["storyboard", "~nosuchuser/board.json"],
        {},
        2,
        "~nosuchuser/board.json: ",
    ),
    "an emulator in a home of nobody": (
        ["explain", *CLIP, "--emulator"],
        {"OUTPUT_DIR": "~nosuchuser/clips"},
        2,
        "OUTPUT_DIR = .~nosuchuser/clips",
    ),
    "an empty file": (["explain", "empty.json"], {}, 2, "file = empty.json: is not JSON"),
    "a file with no end of brackets": (["explain", "deep.json"], {}, 2, "deep.json: is nested too deeply"),
    "a file of 400 levels": (["generate", "nested.json"], {}, 2, "nested.json: is nested too deeply"),
    "a flag with no end of brackets": (["explain", *CLIP, "--seed", "[" * 100_000], {}, 2, "seed = "),
    "a field given twice": (["explain", "twice.json"], {}, 2, "twice.json: has the field 'seed' twice"),
    "a field given twice further in": (["generate", "inner.json"], {}, 2, "has the field 'url' twice"),
    "a number that is none": (["explain", "nan.json"], {}, 2, "nan.json: has NaN, which is no JSON number"),
    "a number of 5,000 digits": (
        ["explain", "huge.json"],
        {},
        2,
        "huge.json: is not JSON: Exceeds the limit",
    ),
    "a file without an end": (["explain", "/dev/zero"], {}, 2, "/dev/zero: has more than 40 MiB"),
    "a length that no model makes": (
        ["explain", *CLIP, "--duration", "4.5"],
        {},
        2,
        r"duration = 4.5: .* Allowed: 5 \(whole seconds\)",
    ),
    "a flag that is no number": (
        ["explain", *CLIP, "--seed", "seven"],
        {},
        2,
        "seed = 'seven': must be a number; this is text.$",
    ),
    "a rate that is none": (
        ["explain", *CLIP, "--fps", "24/0"],
        {},
        2,
        "fps = '24/0': must be a number such as 24",
    ),
    "a file in another encoding": (["explain", "utf16.json"], {}, 2, "file = utf16.json: .*not UTF-8"),
}


def test_whoever_wants_no_proxy_at_all_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")

    run(["--version"])

    assert urllib.request.proxy_bypass("dashscope.example")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_a_line_and_a_code(
    mistake: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, environment, code, words = MISTAKES[mistake]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert run(arguments) == code

    told = capsys.readouterr()
    assert re.search(words, told.err), told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    assert "hush" not in told.err


@pytest.mark.parametrize(("most", "code"), [("0.69 CNY", 6), ("0.70 CNY", 0)])
def test_a_dry_run_shows_the_order_and_ends_as_the_purchase_would(
    most: str, code: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*DRY, "--max-cost", most]) == code

    told = capsys.readouterr()
    assert "0.70 CNY" in told.out
    assert ("costs 0.70 CNY, and at most 0.69 CNY may be spent on it" in told.err) == (code == 6)

    assert run(["stop-buying"]) == 0
    assert run([*DRY, "--max-cost", most]) == 6


def test_a_file_from_an_editor_on_windows_is_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"prompt": "A kite", "model": "wan2.2-t2v-plus", "size": "832*480"}
    (home / "bom.json").write_text(json.dumps(request), "utf-8-sig")

    assert run(["explain", "bom.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wire"]["input"]["prompt"] == "A kite"


def test_a_field_given_twice_on_stdin_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = io.BytesIO(b'{"prompt": "A kite", "prompt": "A boat"}')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))

    assert run(["explain", "-"]) == 2
    assert "file = -: has the field 'prompt' twice in one object" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["23.976", "23.98", "24000/1001", "23,976"])
def test_a_film_rate_can_be_written_as_people_do(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", *CLIP, "--fps", written, "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["request"]["fps"], report["expected"]["fps"]) == ("24000/1001", "24000/1001")


def test_a_mistake_of_ours_is_a_line_and_a_file_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    secrets = [
        "sk-ca9a51e5ca9a51e5",
        "bare-ca9a51e5",
        "option-ca9a51e5",
        "name:pass-ca9a51e5",
        "sign-ca9a51e5",
    ]
    monkeypatch.setenv("DASHSCOPE_API_KEY", secrets[1])
    monkeypatch.setenv("WAN_VIDEO_STORAGE_OPTIONS", f'{{"secret": "{secrets[2]}"}}')

    def broken() -> None:
        at = f"https://{secrets[3]}@host/a?Signature={secrets[4]}"
        raise LookupError(f"{secrets[0]} {secrets[1]} {secrets[2]} {at}")

    code = guarded(broken)

    told = capsys.readouterr().err
    log = Path(re.findall(r"\S+\.log", told)[0])
    kept = log.read_text()
    assert code == 1
    assert told.startswith("Unexpected LookupError: ")
    assert "Traceback" not in told
    assert "in broken" in kept
    assert not [secret for secret in secrets if secret in kept + told]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_result_that_cannot_be_printed_is_told_and_one_that_nobody_reads_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert run(["models", "--json"]) == 7
    assert "could not be printed: No space left on device" in capsys.readouterr().err

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", gone)
        assert run(["models", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_line_knows_its_version_and_says_what_each_command_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([]) == 0
    assert "Usage: wan-video COMMAND" in capsys.readouterr().out
    assert run(["--version"]) == 0
    version = capsys.readouterr().out.strip()
    assert f'\nversion = "{version}"\n' in (Path(__file__).parents[2] / "pyproject.toml").read_text()

    for name, summary in COMMANDS.items():
        function = app[name].default_command
        description = inspect.cleandoc(function.__doc__ or "").partition("\n\nArgs:")[0]
        assert " ".join(description.split()) == " ".join(summary.split()), name


ESCAPES = "\x1b]8;;https://evil.example\x07here\x9b2J\u202egnp"


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", f"{ESCAPES}.json"],
        ["storyboard", f"{ESCAPES}.yaml"],
        ["storyboard", "--dry-run", "escapes.json"],
        ["generate", *CLIP, "--dry-run", "--negative-prompt", ESCAPES],
        ["generate", *CLIP, "--dry-run", "--json", "--negative-prompt", ESCAPES],
        ["generate", *CLIP, "--dry-run", f"--{ESCAPES}"],
        ["cancel", ESCAPES],
        [ESCAPES],
    ],
)
def test_nothing_that_is_typed_or_read_acts_on_the_terminal(
    arguments: list[str], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shots = [{"id": "s1", "prompt": "A kite", ESCAPES: ESCAPES}, {"id": ESCAPES, "prompt": "A kite"}]
    board = {"schema": "wan-video/storyboard/1", "title": ESCAPES, "shots": shots}
    (home / "escapes.json").write_text(json.dumps(board))

    run(arguments)

    shown = "".join(capfd.readouterr())
    assert "evil.example" in shown
    assert not [char for char in shown if not char.isprintable() and char not in "\n\t"]


def test_what_is_printed_without_a_thought_acts_on_no_terminal_either(
    capfd: pytest.CaptureFixture[str],
) -> None:
    guarded(lambda: print(f"{ESCAPES}\x1b[31mred\x1b[0m"))

    shown = capfd.readouterr().out
    assert "\x1b[31mred\x1b[0m" in shown, "colours stay"
    assert not [
        char for char in re.sub("\x1b\\[[0-9;]*m", "", shown) if not char.isprintable() and char != "\n"
    ]
