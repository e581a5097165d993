"""Signing what was made: C2PA, by the operator's certificate, written aside and read back before anyone uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from footage.child import Bounds, ChildError, call
from footage.marks.reading import Marks, read_marks

# Of a film of 309 MB it takes a second and twice the film's size; an authority for time stamps may take longer.
_SIGN = Bounds(300.0, 300, address_space_bytes=6 << 30)


@dataclass(frozen=True)
class Signing:
    """With what is signed: files in PEM, or a command in the place of the key; `anchors` is who is trusted."""

    certificates: Path
    key: Path | None = None
    command: tuple[str, ...] | None = None
    time_stamps: str | None = None
    anchors: Path | None = None


@dataclass(frozen=True)
class Statement:
    """What is said of a file: made by a model, converted from `parent`, or joined from parts (title, file)."""

    title: str
    model: str | None = None
    parent: Path | None = None
    parts: Sequence[tuple[str, Path]] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])


class NotSignedError(Exception):
    """Why there is no signed file; the unsigned one is as good as before."""


def sign_file(path: Path, out: Path, statement: Statement, signing: Signing) -> Marks:
    """Write a signed copy of an MP4 to `out`; its marks, read back.

    Raises:
        NotSignedError: It could not be signed, or what was written is not valid or lost a label.
    """
    before = read_marks(path)
    try:
        answer = call(
            "footage.marks.c2pa_manifest:sign",
            _SIGN,
            path=_name(path),
            out=_name(out),
            title=statement.title,
            parent=None if statement.parent is None else _name(statement.parent),
            parts=[
                {"id": f"part-{number}", "title": title, "path": _name(file)}
                for number, (title, file) in enumerate(statement.parts, start=1)
            ],
            evidence=dict(statement.evidence),
            agent={"wan-video": version("wan-video"), "model": statement.model or "wan"},
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            certificates=_name(signing.certificates),
            key=None if signing.key is None else _name(signing.key),
            command=None if signing.command is None else list(signing.command),
            time_stamps=signing.time_stamps,
        )[0]
    except ChildError as error:
        raise NotSignedError(error.reason) from error
    if answer["problem"] is not None:
        raise NotSignedError(answer["problem"])
    after = read_marks(out, anchors=signing.anchors)
    if after.manifest is None or after.manifest.state not in ("valid", "trusted"):
        why = after.manifest.reason if after.manifest else after.unreadable
        raise NotSignedError(f"what was signed is not valid when it is read: {why}")
    if after.values != before.values:
        raise NotSignedError("the AIGC label was lost while it was signed")
    return after


def _name(path: Path) -> str:
    return str(path.expanduser().absolute())
