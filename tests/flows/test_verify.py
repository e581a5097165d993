"""What the nightly check and the command say about stored clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keptstore import FINISHED, KEYS, kept_store, spoil_video

from flows.cli import run
from footage.context import Context
from footage.settings import Settings
from footage.storage import Store, open_store
from tasks.validate import clips_finding, nightly_findings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return kept_store(tmp_path)


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root))


def test_the_nightly_finding_names_the_damage_and_the_command(root: Path, store: Store) -> None:
    context = Context(Settings(output_dir=str(root.parent)), store)
    whole = clips_finding(context)
    spoil_video(root, FINISHED[0])

    spoiled = clips_finding(context)

    context.close()
    assert (whole.level, whole.name) == ("ok", "clips")
    assert "as delivered: 3 stored clips" in whole.message
    assert (spoiled.level, spoiled.exit_code) == ("fail", 7)
    assert spoiled.message.startswith(f"1 of 3 clips are damaged; {FINISHED[0][:12]}: ")
    assert "wan-video verify --all" in (spoiled.fix or "")


def test_a_night_also_sets_the_markers_of_open_clips_right(root: Path, store: Store) -> None:
    with Context(Settings(output_dir=str(root.parent)), store) as context:
        clips, markers, leftovers = nightly_findings(context)

    assert (clips.name, clips.level) == ("clips", "ok")
    assert (markers.name, markers.level) == ("open clips", "ok")
    assert (leftovers.name, leftovers.level) == ("leftovers", "ok")
    assert markers.message.startswith("2 missing markers restored, 0 stale ones removed")
    assert sorted(store.list("open/")) == sorted(f"open/{KEYS[name]}" for name in ("abandoned", "unfinished"))


@pytest.mark.parametrize(
    ("arguments", "spoiled", "code"),
    [
        ([KEYS["t2v"]], False, 0),
        ([KEYS["t2v"][:12], KEYS["i2v"]], False, 0),
        (["--all"], False, 0),
        (["--all"], True, 7),
        ([KEYS["t2v"]], True, 7),
        ([KEYS["i2v"]], True, 0),
        ([], False, 2),
        (["--all", KEYS["t2v"]], False, 2),
        (["ab" * 32], False, 2),
    ],
)
def test_the_command_ends_with_the_code_of_what_it_found(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    spoiled: bool,
    code: int,
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(root.parent))
    if spoiled:
        spoil_video(root, KEYS["t2v"])

    ended = run(["verify", *arguments, "--json"])

    told = capsys.readouterr()
    report = json.loads(told.out)
    assert ended == code
    if code == 2:
        assert report["error"]["kind"] == "InvalidRequest"
    else:
        assert report["damaged"] == (1 if code else 0)
        assert ("1 clip checked" in told.err) == (len(report["clips"]) == 1)
        assert [clip["key"] for clip in report["clips"] if clip["problems"]] == [KEYS["t2v"]] * bool(code)
