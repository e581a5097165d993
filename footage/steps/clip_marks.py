"""The marks of a stored clip, beside those that it came with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from footage.errors import NotFinished, NotThere
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_files import videos_of
from footage.marks import FileReport, Marks, read_marks
from footage.scratch import scratch_folder

if TYPE_CHECKING:
    from footage.evidence.delivered_records import LabelledRecord, StoredFile
    from footage.storage import Store


def clip_reports(store: Store, key: str, anchors: Path | None = None) -> list[FileReport]:
    """Read the marks of a clip, of its original and of its copy, and look whether any were lost; asks no provider.

    `anchors` is a PEM file of the authorities that are trusted.

    Raises:
        NotFinished: The clip has no video yet.
        BadRecord: Its records do not fit.
        StorageProblem: A video is gone or cannot be read.
    """
    evidence = ClipEvidence(store, key)
    state = evidence.state()
    videos = videos_of(evidence, state.result, state.delivered)
    if not videos:
        raise NotFinished(f"Clip {key[:12]} has no video yet.", key=key)
    found = [stored_marks(store, video.path, anchors) for video in videos]
    clip, *originals = found
    lost = list(_unlike_record(videos[0], clip))
    notes: tuple[str, ...] = ()
    for original in originals:
        lost += lost_labels(original, clip)
        if original.manifest is not None and clip.manifest is None:
            notes = ("The C2PA manifest ended with the conversion; the original keeps it.",)
    reports = [FileReport(videos[0].path, clip, tuple(dict.fromkeys(lost)), notes)]
    for video, marks in zip(videos[1:], originals, strict=True):
        reports.append(FileReport(video.path, marks, _unlike_record(video, marks), original=True))
    if (copy := evidence.labelled()) is not None:
        try:
            found_in_copy = stored_marks(store, copy.file.path, anchors)
        except NotThere:
            gone = "The copy with the visible label is gone; it is drawn again for who asks for it."
            reports.append(FileReport(copy.file.path, Marks(), (gone,)))
        else:
            reports.append(_copy_report(copy, found_in_copy, clip))
    return reports


def _copy_report(copy: LabelledRecord, found: Marks, clip: Marks) -> FileReport:
    drawn = copy.visible_label
    lost = (*_unlike_record(copy.file, found), *lost_labels(clip, found))
    note = f"{drawn.text} is drawn over its first {drawn.shown_s:g} s, {drawn.place}, {drawn.letters_px} px high."
    return FileReport(copy.file.path, found, tuple(dict.fromkeys(lost)), (note,))


def lost_labels(before: Marks, after: Marks) -> tuple[str, ...]:
    """The labels of an original that its clip has not. A manifest ends with every conversion, and that is told."""
    return Marks(before.labels).lost_in(Marks(after.labels))


def _unlike_record(video: StoredFile, found: Marks) -> tuple[str, ...]:
    """The labels that stood in the file when it was published and do not now."""
    recorded = {label.sha256 for label in video.marks.aigc} if video.marks else set[str]()
    gone = recorded - {hashlib.sha256(value).hexdigest() for value in found.values}
    return tuple(
        f"The AIGC label with the SHA-256 {sha256[:12]}… is no longer in it." for sha256 in sorted(gone)
    )


def stored_marks(store: Store, path: str, anchors: Path | None = None) -> Marks:
    """The marks of a file in the store.

    Raises:
        NotThere: There is no such file.
    """
    with scratch_folder() as folder:
        local = folder / f"copy{Path(path).suffix}"
        store.get_file(path, local)
        return read_marks(local, anchors=anchors)


def lost_by_conversion(store: Store, videos: Sequence[StoredFile], *, read: bool) -> list[str]:
    """Which labels of its original a published clip has not, from its records.

    Where an earlier release wrote nothing about marks, the files themselves are read, if `read` is true.
    """
    if len(videos) < 2:
        return []
    clip, original = videos
    if clip.marks is not None and original.marks is not None:
        lost = {label.sha256 for label in original.marks.aigc} - {label.sha256 for label in clip.marks.aigc}
        return [f"{clip.path} has not the AIGC label of {original.path}."] if lost else []
    if not read:
        return []
    lost_now = lost_labels(stored_marks(store, original.path), stored_marks(store, clip.path))
    return [f"{clip.path} has not the AIGC label of {original.path}."] if lost_now else []
