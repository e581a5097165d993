"""What is written down about a delivered clip: its files, what was measured in them, their marks, and the result."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from footage.evidence.records import (
    Address,
    Bytes,
    Count,
    Key,
    Measure,
    Moment,
    Money,
    Name,
    Number,
    Record,
    Sha256,
    TaskId,
)


class Facts(BaseModel):
    """What was measured in a stored video; other measurements are kept and not needed here."""

    model_config = ConfigDict(frozen=True, extra="allow")

    duration_s: Measure
    fps: Measure
    width: Count
    height: Count
    audio: bool = False


class Files(BaseModel):
    """Where a clip's files are, below the store."""

    model_config = ConfigDict(frozen=True, extra="allow")

    clip: Name
    original: Name | None = None
    poster: Name | None = None
    sheet: Name | None = None

    def misplaced(self, key: str) -> str | None:
        """The first of the files that is not where the clip's files are."""
        home = f"videos/{key}"
        right = Files(
            clip=f"{home}.mp4",
            original=f"{home}.original.mp4",
            poster=f"{home}.jpg",
            sheet=f"{home}.sheet.jpg",
        )
        for name in ("clip", "original", "poster", "sheet"):
            path = getattr(self, name)
            if path is not None and path != getattr(right, name):
                return name
        return None


class LabelRecord(BaseModel):
    """One AIGC label that stood in a video; `text` or `base64` is its very value, where that is not too long."""

    model_config = ConfigDict(frozen=True, extra="allow")

    place: Name
    sha256: Sha256
    size_bytes: Bytes
    text: str | None = None
    base64: str | None = None


class MarksRecord(BaseModel):
    """What a stored video says of how it was made (footage/marks/README.md)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    aigc: Annotated[list[LabelRecord], Field(max_length=16)] = Field(default_factory=list[LabelRecord])
    # Its state, and what the library says of it where that is installed; None: there is no manifest.
    c2pa: dict[str, Any] | None = None
    unreadable: str | None = None


class StoredFile(BaseModel):
    """One published file: where it is, what its bytes are, and the marks in it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    path: Name
    sha256: Sha256
    size_bytes: Bytes
    # None in evidence of an earlier release, which did not look for them.
    marks: MarksRecord | None = None


class VisibleLabelRecord(BaseModel):
    """What was drawn over the opening of a video, and how large."""

    model_config = ConfigDict(frozen=True, extra="allow")

    text: Name
    place: Name
    # From the start.
    shown_s: Measure
    # Of its lowest sign.
    letters_px: Count


class LabelledRecord(Record):
    """`labelled-<k>.json`: the copy of a clip with the visible label."""

    key: Key
    made_at: Moment
    # SHA-256 of the clip that it was drawn over.
    made_from: Sha256
    visible_label: VisibleLabelRecord
    file: StoredFile
    warnings: list[str] = Field(default_factory=list[str])


class LastFrameRecord(Record):
    """`last-frame-<k>.json`: the last frame of a clip, from which other shots start."""

    key: Key
    made_at: Moment
    # SHA-256 of the clip that it was decoded from.
    made_from: Sha256
    file: StoredFile


class DeliveredRecord(Record):
    """`delivered.json`: what was published and verified."""

    sha256: Sha256
    size_bytes: Bytes
    facts: Facts
    # The provider's own file, where the clip was converted from it.
    original: StoredFile | None = None
    files: Files
    # Of the clip itself.
    marks: MarksRecord | None = None
    warnings: list[str] = Field(default_factory=list[str])

    @property
    def videos(self) -> tuple[StoredFile, ...]:
        """The videos whose bytes are known."""
        clip = StoredFile(
            path=self.files.clip, sha256=self.sha256, size_bytes=self.size_bytes, marks=self.marks
        )
        return (clip,) if self.original is None else (clip, self.original)


class CostRecord(BaseModel):
    """What the clip cost by the price list."""

    model_config = ConfigDict(frozen=True, extra="allow")

    amount: Money
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    billed_seconds: Money
    source: str
    read_on: date


class ClipRecord(BaseModel):
    """The part of a result that becomes the response; links are made anew each time."""

    model_config = ConfigDict(frozen=True, extra="allow")

    duration: Measure
    fps: Measure
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    key: Key
    model: Name
    region: Name
    task_id: TaskId
    size: Annotated[str, Field(pattern=r"^\d{1,5}\*\d{1,5}$")]
    size_bytes: Bytes
    sha256: Sha256
    cost: CostRecord | None = None
    warnings: list[str] = Field(default_factory=list[str])


class ResultRecord(Record):
    """`result.json`: the finished clip."""

    key: Key
    sealed_at: str | None = None
    sealed_by: str | None = None
    endpoint: Address | None = None
    # Whether the endpoint said that it is the emulator; None in older evidence.
    emulated: bool | None = None
    attempt: Number | None = None
    clip: ClipRecord
    files: Files
    # What was measured in the clip; older evidence may lack it.
    probe: Facts | None = None
    original: StoredFile | None = None
    marks: MarksRecord | None = None
    # SHA-256 of the records that prove it, by path below the clip's folder.
    evidence_sha256: dict[str, Sha256] = Field(default_factory=dict[str, str])

    @property
    def videos(self) -> tuple[StoredFile, ...]:
        """The videos whose bytes are known."""
        clip = StoredFile(
            path=self.files.clip, sha256=self.clip.sha256, size_bytes=self.clip.size_bytes, marks=self.marks
        )
        return (clip,) if self.original is None else (clip, self.original)
