"""Frame rates as exact fractions: 24 is 24, and 23.976, which people also write as 23.98, is 24000/1001.

Film and broadcast rates are n·1000/1001 (23.976, 29.97, 47.952, 59.94), and no decimal number says them exactly.
So a rate is a fraction wherever it decides something, and a number of three decimals where it is read.
"""

from __future__ import annotations

from fractions import Fraction

# A measured rate may be off by the rounding of the last frame's time.
_WHOLE_TOLERANCE = Fraction(2, 1000)


def exact_rate(fps: float | Fraction) -> Fraction:
    """The rate that a finite number stands for, written or measured: 29.9999 is 30, 23.98 is 24000/1001.

    What is near neither a whole rate nor a film rate is taken as it is, to three decimals: 12.5 is 25/2.
    """
    rate = Fraction(fps)
    whole = round(rate)
    if abs(rate - whole) <= _WHOLE_TOLERANCE:
        return Fraction(whole)
    film = Fraction(whole * 1000, 1001)
    # People cut digits off and round: 23.97, 23.976 and 23.98 are all nearer to 24000/1001 than a third of its
    # distance from 24.
    if abs(rate - film) < (whole - film) / 3:
        return film
    return round(rate, 3)


def rate_in_key(rate: Fraction) -> int | str:
    """The canonical form, for keys and evidence: 24, or "24000/1001"."""
    return rate.numerator if rate.denominator == 1 else str(rate)


def rate_number(rate: Fraction) -> int | float:
    """The number for answers and people: 24, or 23.976."""
    return rate.numerator if rate.denominator == 1 else round(float(rate), 3)
