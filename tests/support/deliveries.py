"""What a delivered clip has to be, for tests of what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from footage.order import Expected

_USUAL = Expected(
    duration_s=5,
    fps=Fraction(30),
    native_fps=30,
    width=1280,
    height=720,
    delivered_width=1280,
    delivered_height=720,
    exact_size=True,
    audio=None,
)


def expecting(**changed: Any) -> Expected:
    """Five seconds of 1280x720 at 30 fps, with or without sound, unless changed."""
    return replace(_USUAL, **changed)
