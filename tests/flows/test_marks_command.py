"""What `wan-video marks` says of files, clips and boards, and the code that it ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates
from clips import make_clip
from keptstore import KEYS, kept_store
from labels import CODE, OTHER, WAN_LIKE, labelled

from flows.cli import run
from footage.marks import Signing, Statement, sign_file

Look = Callable[..., tuple[int, dict[str, Any] | None]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos: bare, marked, other (another label), twice, broken, cut, and a poster."""
    folder = tmp_path_factory.mktemp("files")
    bare = make_clip(folder / "bare.mp4", seconds=0.2)
    marked = labelled(bare, folder / "marked.mp4", WAN_LIKE)
    labelled(bare, folder / "other.mp4", OTHER)
    labelled(bare, folder / "twice.mp4", WAN_LIKE, OTHER)
    labelled(bare, folder / "broken.mp4", WAN_LIKE[:90])
    labelled(bare, folder / "remarkable.mp4", WAN_LIKE.replace('"TEST"', '"Two Words"'))
    (folder / "cut.mp4").write_bytes(marked.read_bytes()[:-50])
    (folder / "page.mp4").write_text("<html>")
    from footage.media import inspect

    inspect(marked, poster=folder / "poster.jpg")
    return folder


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    def looked(*arguments: str | Path) -> tuple[int, dict[str, Any] | None]:
        code = run(["marks", *map(str, arguments), "--json"])
        told = json.loads(capsys.readouterr().out)
        # Without a report there is an error, of the code that the command ends with.
        return code, told if "error" not in told else None

    return looked


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        (["marked.mp4"], [], 0),
        (["bare.mp4"], [], 0),  # absence is told, and nothing else
        (["marked.mp4", "poster.jpg"], ["--require", "aigc"], 0),
        (["remarkable.mp4"], [], 0),  # not to the letter, and still a label
        (["marked.mp4", "bare.mp4"], ["--require", "aigc"], 7),
        (["marked.mp4"], ["--require", "aigc,c2pa"], 7),
        (["twice.mp4"], [], 7),
        (["broken.mp4"], [], 7),
        (["cut.mp4"], [], 7),
        (["page.mp4"], [], 7),
        (["marked.mp4", "nowhere.mp4"], [], 2),
        (["marked.mp4"], ["--require", "watermark"], 2),
        (["marked.mp4"], ["--require", ""], 2),
        ([], [], 2),
    ],
)
def test_the_command_ends_with_the_code_of_what_it_found(
    names: list[str], options: list[str], code: int, files: Path, look: Look
) -> None:
    ended, told = look(*(files / name for name in names), *options)

    assert ended == code
    assert (told is None) == (code == 2)
    if told is not None:
        assert [Path(file["file"]).name for file in told["files"]] == names
        assert told["faulty"] == (1 if code else 0)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("marked.mp4", "marked.mp4", []),
        ("bare.mp4", "marked.mp4", []),
        ("marked.mp4", "bare.mp4", ["is lost."]),
        ("marked.mp4", "other.mp4", ["is changed."]),
    ],
)
def test_two_files_are_compared(before: str, after: str, lost: list[str], files: Path, look: Look) -> None:
    code, told = look("--before", files / before, "--after", files / after)

    assert code == (7 if lost else 0)
    assert told is not None
    assert [said.split("' ")[-1] for said in told["files"][0]["lost"]] == lost


@pytest.mark.parametrize("lonely", ["--before", "--after"])
def test_one_file_alone_cannot_be_compared(lonely: str, files: Path, look: Look) -> None:
    assert look(lonely, files / "marked.mp4") == (2, None)


@pytest.mark.parametrize(
    ("whose", "state", "said"),
    [
        ("its own", "trusted", "found (trusted)"),
        ("another", "valid", "found (valid, untrusted)"),
        (None, "valid", "found (valid, no trust anchors are set)"),
    ],
)
def test_a_manifest_is_trusted_by_the_anchors_of_the_settings(
    whose: str | None,
    state: str,
    said: str,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = make_certificates(tmp_path / "its own")
    make_certificates(tmp_path / "another")
    signed = tmp_path / "signed.mp4"
    sign_file(files / "marked.mp4", signed, Statement("a"), Signing(made.chain, made.key))
    anchors = None if whose is None else str(tmp_path / whose / "anchors.pem")
    if anchors is not None:
        monkeypatch.setenv("WAN_VIDEO_C2PA_TRUST_ANCHORS", anchors)

    assert run(["marks", str(signed), "--require", "c2pa", "--json"]) == 0

    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["files"][0]["found"]["c2pa"]["state"] == state
    assert told["trust_anchors"] == anchors
    assert said in " ".join(printed.err.split())


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_trust_anchors_that_cannot_be_used_are_named_by_their_variable(
    text: str | None,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "anchors.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("WAN_VIDEO_C2PA_TRUST_ANCHORS", str(path))

    assert run(["marks", str(files / "marked.mp4"), "--json"]) == 2

    assert "WAN_VIDEO_C2PA_TRUST_ANCHORS" in capsys.readouterr().out


def test_clips_of_a_store_are_looked_at_by_key(tmp_path: Path, look: Look) -> None:
    root = kept_store(tmp_path)

    code, told = look(KEYS["t2v"][:12], KEYS["i2v"])

    assert code == 0
    assert told is not None
    assert f"videos/{KEYS['t2v']}.mp4" in [file["file"] for file in told["files"]]
    (root / f"videos/{KEYS['t2v']}.mp4").unlink()
    assert look(KEYS["t2v"]) == (7, None)
    assert look("ab" * 32) == (2, None)


def board_of(root: Path, film: Path, *clips: str) -> None:
    folder = root / "storyboards/Harbour"
    folder.mkdir(parents=True)
    (folder / "film.mp4").write_bytes(film.read_bytes())
    from footage.marks import read_marks

    marks = read_marks(film).to_json()
    labels = {"film": {"marks": marks}, "clips": [{"key": key} for key in clips]}
    (folder / "film.labels.json").write_text(json.dumps(labels))


def test_a_board_is_looked_at_by_its_title_or_file_with_its_film_and_clips(
    tmp_path: Path, files: Path, look: Look
) -> None:
    root = kept_store(tmp_path)
    board_of(root, files / "marked.mp4", KEYS["t2v"])
    board = tmp_path / "harbour.json"
    shot = {"id": "a", "prompt": "A boat"}
    board.write_text(json.dumps({"schema": "wan-video/storyboard/1", "title": "Harbour", "shots": [shot]}))

    by_title = look("Harbour")

    assert by_title[0] == 0
    assert by_title[1] is not None
    names = [file["file"] for file in by_title[1]["files"]]
    assert names[:2] == ["storyboards/Harbour/film.mp4", f"videos/{KEYS['t2v']}.mp4"]
    assert look(board) == by_title
    (root / "storyboards/Harbour/film.mp4").write_bytes((files / "bare.mp4").read_bytes())
    code, told = look("Harbour")
    assert code == 7
    assert told is not None
    assert "is no longer in it" in told["files"][0]["lost"][0]
    (root / "storyboards/Harbour/film.labels.json").write_text("[]")
    assert look("Harbour") == (7, None)


def test_nothing_is_called_compliant(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["marks", str(files / "marked.mp4"), "--require", "aigc", "--json"])
    run(["marks", "--help"])

    told = capsys.readouterr()
    assert "complian" not in (told.out + told.err).lower()
    assert CODE not in told.out
