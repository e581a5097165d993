"""What is said of the marks of one file: found, wrong, lost, unreadable; absence is told and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from footage.marks.reading import Marks

Kind = Literal["aigc", "c2pa"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class FileReport:
    """One file's marks; `lost` is what the file that it was made from has and it has not."""

    name: str
    marks: Marks
    lost: tuple[str, ...] = ()
    # What is to be known, and no fault.
    notes: tuple[str, ...] = ()
    # The provider's file beside the published one: it is as it came, so nothing is required of it.
    original: bool = False

    def missing(self, required: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Those of the required marks that it has not."""
        if self.original:
            return ()
        found = {"aigc": bool(self.marks.labels), "c2pa": self.marks.manifest is not None}
        return tuple(kind for kind in required if not found[kind])

    def faults(self, required: tuple[Kind, ...] = ()) -> tuple[str, ...]:
        """Everything for which a check of this file does not pass, in sentences."""
        missing = (f"It has no {kind.upper()}, which is required." for kind in self.missing(required))
        return (*self.marks.problems(), *self.lost, *missing)

    def to_json(self, required: tuple[Kind, ...]) -> dict[str, Any]:
        return {
            "file": self.name,
            "found": self.marks.to_json(),
            "wrong": list(self.marks.problems()) if self.marks.unreadable is None else [],
            "lost": list(self.lost),
            "unreadable": self.marks.unreadable,
            "missing": list(self.missing(required)),
            "notes": list(self.notes),
        }
