"""The copy of a clip with the visible label: drawn for who asks for it, and kept beside the clip.

    videos/<key>.labelled.mp4       the clip with 「AI生成」 over its opening
    evidence/<key>/labelled-<k>.json   what was drawn, on which bytes; the last one counts

The clip itself stays as it is. So the label is no part of the key: who asks for it later buys nothing, a shot that
starts from the clip's last frame starts from a picture without it, and a copy that is lost is drawn again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from footage.errors import BadDelivery, StorageProblem
from footage.evidence.delivered_records import LabelledRecord, MarksRecord, StoredFile, VisibleLabelRecord
from footage.evidence.stored_files import damage
from footage.marks import Marks, NotSignedError, Signing, Statement, read_marks, sign_file
from footage.marks.visible_label import SHOWN_S, visible_label
from footage.media import conform, inspect
from footage.scratch import scratch_folder
from footage.steps.delivered_bytes import clip_as_delivered, require_delivered_bytes
from footage.steps.rendition import temporary_files, verified_rendition
from footage.storage.sha256 import sha256_of

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.clip_evidence import ClipEvidence


def labelled_path(key: str) -> str:
    """Where the copy of a clip with the visible label is."""
    return f"videos/{key}.labelled.mp4"


def draw_if_asked(clip: Clip) -> None:
    """Make the copy of a delivered clip for a request that wants the visible label.

    Where none can be drawn or stored, the response says why and is about the clip: it was paid for.
    """
    if clip.order.request.visible_label != "own":
        return
    try:
        labelled_copy(clip.evidence, clip.context.settings.signing)
    except (BadDelivery, StorageProblem) as error:
        clip.unlabelled = error.message
        clip.say.warning("no visible label: %s", error.message)


def labelled_copy(evidence: ClipEvidence, signing: Signing | None = None) -> LabelledRecord:
    """The copy of a finished clip with the visible label; drawn now where there is none, or a damaged one.

    `signing` is with what a copy that is drawn gets a C2PA manifest, in which the clip is its parent.

    Raises:
        BadDelivery: It cannot be drawn.
        StorageProblem: The clip is not in the store as it was delivered, or the copy cannot be stored.
    """
    clip = clip_as_delivered(evidence)
    if clip is None:
        raise StorageProblem(f"Clip {evidence.key[:12]} has no video yet.", key=evidence.key)
    record = evidence.labelled()
    if (
        record is not None
        and record.made_from == clip.sha256
        and damage(evidence.store, [record.file]) is None
    ):
        return record
    with temporary_files(evidence.key), scratch_folder() as folder:
        source = folder / "clip.mp4"
        evidence.store.get_file(clip.path, source)
        require_delivered_bytes(evidence, clip, source)
        file, record = _drawn(evidence.key, source, clip, signing)
        evidence.store.replace_file(record.file.path, file)
    return evidence.write_labelled(record)


def _drawn(key: str, source: Path, clip: StoredFile, signing: Signing | None) -> tuple[Path, LabelledRecord]:
    """The file with the label, and what is written down of it."""
    before, came = inspect(source), read_marks(source)
    if not before.playable or before.undecoded is not None:
        raise BadDelivery(f"it is not decoded here: {before.undecoded or before.problems[0]}")
    if came.unreadable is not None:
        raise BadDelivery(f"what it carries of marks is not known ({came.unreadable})")
    out = source.with_name("labelled.mp4")
    conform(source, out, visible_label_s=SHOWN_S)
    facts, marks = verified_rendition(before, came.values, out)
    drawn = visible_label(facts.width, facts.height, facts.duration_s)
    warnings: tuple[str, ...] = ()
    if signing is not None:
        statement = Statement(
            title=Path(labelled_path(key)).name,
            parent=source,
            evidence={"key": key, "clip_sha256": clip.sha256, "visible_label": drawn.to_json()},
        )
        signed = source.with_name("signed.mp4")
        try:
            out, marks = signed, sign_file(out, signed, statement, signing)
        except NotSignedError as error:
            warnings = (f"Its copy with the visible label has no C2PA manifest of yours: {error}.",)
    if came.manifest is not None and marks.manifest is None:
        warnings += ("Its C2PA manifest is not in the copy with the visible label; the clip keeps it.",)
    return out, LabelledRecord(
        key=key,
        made_at=datetime.now(UTC),
        made_from=clip.sha256,
        visible_label=VisibleLabelRecord.model_validate(drawn.to_json()),
        file=_stored(key, out, marks),
        warnings=list(warnings),
    )


def _stored(key: str, file: Path, marks: Marks) -> StoredFile:
    return StoredFile(
        path=labelled_path(key),
        sha256=sha256_of(file),
        size_bytes=file.stat().st_size,
        marks=MarksRecord.model_validate(marks.to_json()),
    )
