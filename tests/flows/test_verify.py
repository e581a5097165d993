"""What stored clips are checked for, one by one and a share of them each night."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli import run
from footage.context import Context
from footage.settings import Settings
from footage.steps.verify import verify_clip, verify_tonight
from footage.storage import Store, open_store
from tasks.validate import clips_finding, nightly_findings

KEPT = Path(__file__).parents[1] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())
FINISHED = sorted(KEYS[name] for name in ("t2v", "i2v", "adopted"))
PLENTY = 1 << 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with the clips of an earlier release, as OUTPUT_DIR has it."""
    root = tmp_path / "alicloud-ai-video-wan-video"
    shutil.copytree(KEPT, root)
    return root


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root))


def spoil_video(root: Path, key: str) -> None:
    """Other bytes of the same length."""
    path = root / f"videos/{key}.mp4"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def spoil_record(root: Path, key: str) -> None:
    path = root / f"evidence/{key}/attempt-1/receipt.json"
    path.write_text(path.read_text() + " ")


def spoil_order(root: Path, key: str) -> None:
    (root / f"evidence/{key}/request.json").write_text("[]")


SPOILED: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "a video": (spoil_video, "has other bytes than were delivered"),
    "a record": (spoil_record, "was changed after the clip was sealed"),
    "a video that is gone": (lambda root, key: (root / f"videos/{key}.mp4").unlink(), "is gone"),
    "a poster that is gone": (lambda root, key: (root / f"videos/{key}.jpg").unlink(), "is gone"),
    "an order": (spoil_order, "it is no JSON object"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_whatever_was_spoiled_is_named_and_the_others_are_whole(root: Path, store: Store, what: str) -> None:
    spoil, said = SPOILED[what]
    spoil(root, KEYS["t2v"])

    found = {key: verify_clip(store, key).problems for key in FINISHED}

    assert any(said in problem for problem in found.pop(KEYS["t2v"]))
    assert list(found.values()) == [[], []]


def test_a_night_checks_what_is_new_and_the_next_goes_on_where_it_stopped(root: Path, store: Store) -> None:
    one_clip = 1

    nights = [verify_tonight(store, one_clip) for _ in range(4)]
    spoil_video(root, FINISHED[1])
    later = [verify_tonight(store, one_clip) for _ in range(3)]

    assert [night.clips for night in nights] == [1, 1, 1, 1]
    assert all(night.read_bytes > 0 and night.damaged == () for night in nights)
    # In three nights each of three clips had its turn.
    assert [damaged.key for night in later for damaged in night.damaged] == [FINISHED[1]]


def test_a_night_without_a_limit_checks_every_finished_clip_once(root: Path, store: Store) -> None:
    spoil_record(root, FINISHED[0])
    spoil_video(root, FINISHED[2])

    night = verify_tonight(store, PLENTY)

    assert night.clips == 3
    assert [damaged.key for damaged in night.damaged] == [FINISHED[0], FINISHED[2]]


@pytest.mark.parametrize("memory", ["", "[]", '{"cursor": 5}', '{"seen": {"a": 1}}', "[" * 100_000])
def test_a_night_that_cannot_read_what_the_last_one_noted_checks_all_as_new(
    root: Path, store: Store, memory: str
) -> None:
    (root / "verified.json").write_text(memory)

    assert verify_tonight(store, PLENTY).clips == 3
    assert json.loads((root / "verified.json").read_text())["seen"]


def test_the_nightly_finding_names_the_damage_and_the_command(root: Path, store: Store) -> None:
    context = Context(Settings(output_dir=str(root.parent)), store)
    whole = clips_finding(context)
    spoil_video(root, FINISHED[0])

    spoiled = clips_finding(context)

    context.close()
    assert (whole.level, whole.name) == ("ok", "clips")
    assert "3 stored clips are as delivered" in whole.message
    assert (spoiled.level, spoiled.exit_code) == ("fail", 7)
    assert spoiled.message.startswith(f"1 of 3 clips are damaged; {FINISHED[0][:12]}: ")
    assert "wan-video verify --all" in (spoiled.fix or "")


def test_a_night_also_sets_the_markers_of_open_clips_right(root: Path, store: Store) -> None:
    with Context(Settings(output_dir=str(root.parent)), store) as context:
        clips, markers = nightly_findings(context)

    assert (clips.name, clips.level) == ("clips", "ok")
    assert (markers.name, markers.level) == ("open clips", "ok")
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
    assert ended == code
    if code == 2:
        assert told.out == ""
    else:
        report = json.loads(told.out)
        assert report["damaged"] == (1 if code else 0)
        assert [clip["key"] for clip in report["clips"] if clip["problems"]] == [KEYS["t2v"]] * bool(code)
