"""Lengths that stand in the text or the name of a shot: `A boat sails (8s)`, `Shot 2 (0:05-0:13)`."""

from __future__ import annotations

import math
import re

from footage.errors.actions import typed
from footage.request import VideoRequest
from footage.storyboard.read import lengths
from footage.storyboard.read.draft import Draft

_LENGTH = r"(?:~|ca\.? )?\d[\d.,:;]{0,11}(?:\s*(?:-|–|—|~|to|bis|à|至|到)\s*\d[\d.,:;]{0,11})?"
_UNIT = r"\s*(?:s|secs?|seconds?|sek|sekunden|segundos|secondes|秒|秒钟|초)"
_SAYS = re.compile(
    rf"[(（\[【]\s*({_LENGTH}{_UNIT}|\d+:\d[\d:.;]*\s*[-–—~]\s*\d+:\d[\d:.;]*)\.?\s*[)）\]】]"
    rf"|^\s*({_LENGTH}{_UNIT}|\d+:\d[\d:.;]*\s*[-–—~]\s*\d+:\d[\d:.;]*)\s*[:：,，|–—-]"
    rf"|[,，;–—|-]\s*({_LENGTH}{_UNIT})\.?\s*$",
    re.IGNORECASE,
)
_LONGEST_S = 60


def ask(draft: Draft) -> None:
    """Doubt the length of a shot that has none, where its text or name says one that is not the default."""
    if "duration" in draft.fields or any(part.field == "duration" for part in draft.parts):
        return
    for field, text in (
        ("title", draft.fields.get("title")),
        ("id", draft.id),
        ("prompt", draft.fields.get("prompt")),
    ):
        # A length of many numbers, such as those of all parts of a shot, is none of ours to add up.
        for said in ("".join(groups) for groups in _SAYS.findall(str(text or ""))):
            length = lengths.parse(said)
            if length is None or not lengths.SHORTEST_S <= length.seconds <= _LONGEST_S:
                continue
            whole = max(1, math.ceil(length.seconds - 1e-6))
            if whole != VideoRequest.model_fields["duration"].default:
                draft.doubt(
                    "duration", whole, f"the {field}", said, "it names a length, and no other field of the shot does",
                    settle=("--set", f"{draft.id}.duration={whole}"),
                    others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
                )  # fmt: skip
            return
