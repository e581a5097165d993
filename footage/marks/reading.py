"""The marks of one video file: what a generated video says of itself, as it stands there."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from footage.child import Bounds, ChildError, call
from footage.marks.label import LabelReading, known_fields, read_label

# Finding them takes a few milliseconds, whatever the size of the file.
_FIND = Bounds(30.0, 10, data_bytes=200 << 20)

# unchecked: the library that could tell is not installed.
ManifestState = Literal["trusted", "valid", "invalid", "unchecked"]


# Longer ones stand in the evidence by hash and length; records have bounds.
_SHOWN_BYTES = 32 << 10
_PROBLEMS_SAID = 3


@dataclass(frozen=True)
class Label:
    """One `AIGC` value: where it stands, and its bytes."""

    place: str
    value: bytes

    @cached_property
    def _reading(self) -> LabelReading:
        return read_label(self.value)

    @property
    def problems(self) -> tuple[str, ...]:
        return self._reading.problems

    def to_json(self) -> dict[str, Any]:
        fields, problems, remarks = self._reading
        return {
            "place": self.place,
            "sha256": hashlib.sha256(self.value).hexdigest(),
            "size_bytes": len(self.value),
            **(_shown(self.value) if len(self.value) <= _SHOWN_BYTES else {}),
            "fields": fields and known_fields(fields),
            "problems": list(problems),
            "remarks": list(remarks),
        }


def _shown(value: bytes) -> dict[str, str]:
    """The raw value as a text where one can be shown, else in Base64."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or len(json.dumps(text, ensure_ascii=False)) > 2 * len(text) + 2:
        return {"base64": base64.b64encode(value).decode()}
    return {"text": text}


@dataclass(frozen=True)
class Manifest:
    """A C2PA manifest: its state, and where its library is installed what it says."""

    state: ManifestState
    reason: str | None = None
    details: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {"state": self.state, "reason": self.reason, **(self.details or {})}


@dataclass(frozen=True)
class Marks:
    """What a file carries. Nothing of it is a fact, too; `unreadable` says why it is not known."""

    labels: tuple[Label, ...] = ()
    manifest: Manifest | None = None
    unreadable: str | None = None

    @property
    def values(self) -> tuple[bytes, ...]:
        """The labels' bytes, each once."""
        return tuple(dict.fromkeys(label.value for label in self.labels))

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the marks, in sentences; nothing is wrong with a file that has none."""
        said: list[str] = []
        if self.unreadable is not None:
            said.append(f"Its marks cannot be read: {self.unreadable}.")
        if len(self.values) > 1:
            said.append(f"It has {len(self.values)} AIGC labels that differ, and a file has one.")
        elif len(self.labels) > 1:
            said.append(f"It has its AIGC label {len(self.labels)} times.")
        for problems in dict.fromkeys(label.problems for label in self.labels if label.problems):
            more = len(problems) - _PROBLEMS_SAID
            rest = f", and {more} more" if more > 0 else ""
            said.append(f"Its AIGC label is not in order: it {', '.join(problems[:_PROBLEMS_SAID])}{rest}.")
        if self.manifest is not None and self.manifest.state == "invalid":
            said.append(f"Its C2PA manifest is not valid: {self.manifest.reason}.")
        return tuple(said)

    def lost_in(self, after: Marks) -> tuple[str, ...]:
        """What this file has and `after`, made from it, has not, in sentences."""
        became = "changed" if after.values else "lost"
        said = [
            f"Its AIGC label {value.decode(errors='replace')[:80]!r} is {became}."
            for value in self.values
            if value not in after.values
        ]
        before, now = self.manifest, after.manifest
        if before is not None and now is None:
            said.append("Its C2PA manifest is lost.")
        elif before is not None and now is not None and now.state == "invalid" != before.state:
            said.append(f"Its C2PA manifest is no longer valid: {now.reason}.")
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """The form in the evidence and in `--json`."""
        return {
            "aigc": [label.to_json() for label in self.labels],
            "c2pa": None if self.manifest is None else self.manifest.to_json(),
            "unreadable": self.unreadable,
        }


def read_marks(path: Path, *, anchors: Path | None = None) -> Marks:
    """The marks of an MP4 or a JPEG; nothing that is wrong with the file is an error here.

    `anchors` is a PEM file of the authorities whose certificates make a manifest a trusted one.

    Raises:
        FileNotFoundError: There is no such file.
    """
    size_bytes = path.stat().st_size
    try:
        found = call("footage.marks.mp4:find_marks", _FIND, path=str(path.absolute()))[0]
    except ChildError as error:
        return Marks(unreadable=error.reason)
    labels = tuple(Label(item["place"], base64.b64decode(item["base64"])) for item in found["labels"])
    manifest = _manifest(path, size_bytes, anchors) if found["c2pa"] else None
    return Marks(labels, manifest, found["unreadable"])


def _manifest(path: Path, size_bytes: int, anchors: Path | None) -> Manifest:
    # Read in pieces, and hashed whole; a film of 309 MB takes 0.3 s.
    bounds = Bounds(120.0, 10 + size_bytes // 5_000_000, address_space_bytes=6 << 30)
    trusted = None if anchors is None else str(anchors.expanduser().absolute())
    try:
        answer = call(
            "footage.marks.c2pa_manifest:read_manifest", bounds, path=str(path.absolute()), anchors=trusted
        )[0]
    except ChildError as error:
        return Manifest("invalid", error.reason)
    return Manifest(answer["state"], answer["reason"], answer.get("details"))
