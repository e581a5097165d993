"""A clip's marks from the provider's file to the stored one, and the checks that look at them later."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from clips import make_clip
from labels import CODE, WAN_LIKE, fields_of, label_by_ffmpeg, labelled

from footage.emulator import Emulator
from footage.errors import InvalidRequest, NotFinished, StorageProblem
from footage.evidence.delivered_records import StoredFile
from footage.marks import Marks, read_marks
from footage.settings import load_settings
from footage.steps.clip_marks import clip_reports, lost_by_conversion
from footage.steps.rendition import temporary_files
from footage.steps.verify import verify_clip
from footage.storage import Store, open_store

# The emulator's cheap clips do not move.
STILL = "Nothing moves in the clip."


@pytest.fixture
def turned(emulator: Emulator, request: pytest.FixtureRequest) -> Any:
    emulator.turn(aigc=request.param)
    yield request.param
    emulator.turn(aigc="one")


def make(bench: Bench, fps: int = 24, **settings: Any) -> tuple[Store, Any]:
    """A clip in another rate than the provider's, so that it is converted; the store, and the response."""
    context = bench.context(**settings)
    return context.store, bench.make(bench.clip(context, conform="auto", fps=fps))


def local(store: Store, path: str, folder: Path) -> Path:
    store.get_file(path, folder / "local.mp4")
    return folder / "local.mp4"


@pytest.mark.slow
def test_the_label_of_the_providers_file_is_in_the_converted_one_and_in_the_evidence(
    bench: Bench, tmp_path: Path
) -> None:
    store, response = make(bench)

    clip = label_by_ffmpeg(local(store, f"videos/{response.key}.mp4", tmp_path))
    original = label_by_ffmpeg(local(store, f"videos/{response.key}.original.mp4", tmp_path))
    assert clip == original
    assert fields_of(clip or b"")["ContentProducer"] == "TEST"
    result = bench.clip(bench.context(), conform="auto", fps=24).evidence.result()
    assert result is not None
    assert result.marks is not None
    assert result.marks.aigc[0].text == (clip or b"").decode()
    assert response.warnings == [STILL]
    assert verify_clip(store, response.key).problems == []
    reports = clip_reports(store, response.key)
    assert [report.faults(("aigc",)) for report in reports] == [(), ()]


@pytest.mark.parametrize(
    ("turned", "warnings"),
    [
        ("none", []),
        ("broken", ["Its AIGC label is not in order: it is not JSON."]),
        (
            "twice",
            [
                "It could not be brought to what was asked for, so it is as it came: "
                "the converted file lost the AIGC label",
                "It has 2 AIGC labels that differ, and a file has one.",
            ],
        ),
    ],
    indirect=["turned"],
)
def test_a_clip_is_delivered_whatever_its_label_is_and_the_warning_is_right(
    turned: str, warnings: list[str], bench: Bench
) -> None:
    store, response = make(bench)

    assert response.warnings == [STILL, *warnings]
    assert (response.original_url is None) == (turned == "twice")
    assert verify_clip(store, response.key).problems == []


@pytest.mark.parametrize("turned", ["none"], indirect=True)
def test_a_clip_without_a_label_is_labelled_by_the_operator_that_the_settings_name(
    turned: str, bench: Bench, tmp_path: Path
) -> None:
    store, response = make(bench, fps=30, label_producer=CODE)

    fields = fields_of(label_by_ffmpeg(local(store, f"videos/{response.key}.mp4", tmp_path)) or b"")
    assert (fields["ContentProducer"], fields["ProduceID"]) == (CODE, response.key)
    assert response.original_url is not None


def test_a_label_that_is_gone_from_a_stored_clip_is_lost(bench: Bench, tmp_path: Path) -> None:
    store, response = make(bench)
    bare = make_clip(tmp_path / "bare.mp4", seconds=0.3)
    store.replace_file(f"videos/{response.key}.mp4", bare)

    clip, original = clip_reports(store, response.key)

    assert [said.split(" '")[0] for said in clip.lost] == [
        clip.lost[0],
        "Its AIGC label",
    ]
    assert "is no longer in it" in clip.lost[0]
    assert original.lost == ()
    assert (clip.original, original.original) == (False, True)
    assert clip.notes == ()


def test_a_full_folder_for_temporary_files_says_how_to_go_on() -> None:
    with pytest.raises(StorageProblem, match="No space left") as full, temporary_files("f00d"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "set TMPDIR" in str(full.value.next_step)
    assert full.value.key == "f00d"


def test_a_clip_that_is_not_there_yet_has_no_marks_to_look_at(bench: Bench) -> None:
    clip = bench.clip()
    bench.buy(clip)

    with pytest.raises(NotFinished, match="has no video yet"):
        clip_reports(clip.context.store, clip.key)


def test_a_label_that_an_earlier_release_lost_is_found_by_reading_and_only_then(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    clip = make_clip(tmp_path / "a.mp4", seconds=0.3)
    stored: list[StoredFile] = []
    for path, file in (
        ("videos/a.mp4", clip),
        ("videos/a.original.mp4", labelled(clip, tmp_path / "b.mp4", WAN_LIKE)),
    ):
        store.create_file(path, file)
        stored.append(StoredFile(path=path, sha256=store.sha256(path), size_bytes=file.stat().st_size))
    said = ["videos/a.mp4 has not the AIGC label of videos/a.original.mp4."]

    assert lost_by_conversion(store, stored, read=True) == said
    assert lost_by_conversion(store, stored, read=False) == []
    assert lost_by_conversion(store, [stored[1], stored[1]], read=True) == []
    # With marks in the records no file is read.
    marked = [
        video.model_copy(update={"marks": marks_record(read_marks(file))})
        for video, file in zip(stored, (clip, tmp_path / "b.mp4"), strict=True)
    ]
    store.delete("videos/a.mp4")
    assert lost_by_conversion(store, marked, read=False) == said
    assert lost_by_conversion(store, [marked[1], marked[1]], read=False) == []


def marks_record(marks: Marks) -> Any:
    from footage.evidence.delivered_records import MarksRecord

    return MarksRecord.model_validate(marks.to_json())


def test_a_producer_that_is_no_name_of_the_operator_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAN_VIDEO_LABEL_PRODUCER", "Two Words")

    with pytest.raises(InvalidRequest) as refused:
        load_settings()

    (problem,) = refused.value.problems
    assert (problem.field, problem.value) == ("WAN_VIDEO_LABEL_PRODUCER", "'Two Words'")
    assert "provider code of 27 characters" in (problem.allowed or "")
