"""What to do with a delivered file: decided from what was measured in it, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from footage.media import VideoFacts
from footage.values.frame_rate import rate_number

if TYPE_CHECKING:
    from footage.order import Expected

# 24.0 is 24; 23.976 is not.
_FPS_TOLERANCE = 0.005
# A clip may end within the last frame's time, and sound codecs round to 21 ms.
_DURATION_TOLERANCE_S = 0.1
# The provider's i2v sizes differ from the asked ones by up to 0.75 % in shape (1920x1072 for 1920*1080);
# much more than that would be seen as a stretched picture, so it is left alone and reported.
_STRETCH_TOLERANCE = 0.03
_BLACK_SHARE = 0.5
_FROZEN_SHARE = 0.9


@dataclass(frozen=True)
class Verdict:
    """What to do with a delivered file.

    `refuse` says why it is no video (None: it is one); `fps` and `size` are what it should be conformed
    to, None where nothing has to change.
    """

    refuse: str | None = None
    fps: Fraction | None = None
    size: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def conform(self) -> bool:
        return self.fps is not None or self.size is not None


def judge(
    facts: VideoFacts,
    expected: Expected,
    *,
    conform: Literal["auto", "never"] = "auto",
    billed_s: float | None = None,
) -> Verdict:
    """Compare what came with what was ordered and, where known, with the seconds that are billed."""
    if not facts.playable:
        return Verdict(refuse=facts.problems[0])
    warnings: list[str] = []
    fps, size = None, None
    if facts.undecoded is not None:
        # It was paid for, and is nobody's to throw away; but nothing opens it, so nothing is made of it.
        warnings.append(f"It is as it came, and its pictures were not looked at: {facts.undecoded}.")
    may_conform = conform == "auto" and facts.undecoded is None
    why = "conform is never" if facts.undecoded is None else "it is not decoded here"

    if abs(facts.fps - expected.fps) > _FPS_TOLERANCE:
        if may_conform:
            fps = expected.fps
        else:
            warnings.append(
                f"{rate_number(expected.fps)} fps were asked for, {facts.fps:.5g} came, and {why}."
            )

    asked = (expected.width, expected.height)
    came = (facts.width, facts.height)
    if expected.exact_size and came != asked:
        stretch = abs((came[0] / came[1]) / (asked[0] / asked[1]) - 1)
        sizes = f"{asked[0]}*{asked[1]} was asked for, {came[0]}*{came[1]} came"
        if stretch > _STRETCH_TOLERANCE:
            warnings.append(f"{sizes}: it has another shape, so it was not scaled.")
        elif may_conform:
            size = asked
        else:
            warnings.append(f"{sizes}, and {why}.")

    tolerance_s = max(_DURATION_TOLERANCE_S, 1 / max(1.0, min(facts.fps, expected.fps)))
    if expected.duration_s > 0 and abs(facts.duration_s - expected.duration_s) > tolerance_s:
        warnings.append(f"{expected.duration_s} s were asked for, {facts.duration_s:.2f} s came.")
    # What went in and is billed beside it; how the provider rounds that is not said.
    goes_in_s = expected.billed_input_s + (1 if expected.billed_input_s else 0)
    if billed_s is not None and billed_s - goes_in_s - facts.duration_s > tolerance_s:
        warnings.append(f"{billed_s:g} s are billed, {facts.duration_s:.2f} s came.")
    if expected.audio is True and not facts.audio:
        warnings.append("Sound was asked for, the clip has none.")
    if expected.audio is False and facts.audio:
        warnings.append("No sound was asked for, the clip has some.")
    if facts.black_share >= _BLACK_SHARE:
        warnings.append(f"The picture is black in {facts.black_share:.0%} of the clip.")
    elif facts.frozen_share >= _FROZEN_SHARE:
        warnings.append("Nothing moves in the clip.")
    return Verdict(fps=fps, size=size, warnings=tuple(warnings))


def conversion_fault(before: VideoFacts, after: VideoFacts) -> str | None:
    """What is wrong with a file that was made here of a delivered one; it is verified like what was bought."""
    if not after.playable:
        return f"is damaged: {after.problems[0]}"
    if abs(after.duration_s - before.duration_s) > max(1 / before.fps, 1 / after.fps) + 1e-3:
        return f"lasts {after.duration_s:.3f} s, not {before.duration_s:.3f} s"
    if before.audio and not after.audio:
        return "lost its sound"
    return None
