"""One subtitle: when it is shown, and its lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cue:
    """Shown from `start_s` until `end_s`; `text` is plain, but for `<i>`, `<b>` and `<u>`, with its line breaks."""

    start_s: float
    end_s: float
    text: str
