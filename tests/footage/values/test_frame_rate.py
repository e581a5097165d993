"""Frame rates: the exact one behind what people write and what is measured."""

from __future__ import annotations

from fractions import Fraction

import pytest

from footage.values.frame_rate import exact_rate, rate_in_key, rate_number


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (24, "24"),
        (24.0, "24"),
        (29.999999, "30"),  # measured
        (30.0015, "30"),
        (23.976, "24000/1001"),
        (23.98, "24000/1001"),  # rounded
        (23.97, "24000/1001"),  # cut off
        (29.97, "30000/1001"),
        (47.952, "48000/1001"),
        (47.95, "48000/1001"),
        (59.94, "60000/1001"),
        (119.88, "120000/1001"),
        (Fraction(24000, 1001), "24000/1001"),
        (12.5, "25/2"),  # half of 25, used for drafts
        (25.5, "51/2"),
        (23.9, "239/10"),
        (29.5, "59/2"),
    ],
)
def test_what_is_written_or_measured_becomes_the_rate_that_is_meant(said: float, meant: str):
    assert exact_rate(said) == Fraction(meant)


@pytest.mark.parametrize(
    ("rate", "in_key", "number"),
    [
        ("24", 24, 24),
        ("24000/1001", "24000/1001", 23.976),
        ("60000/1001", "60000/1001", 59.94),
        ("25/2", "25/2", 12.5),
    ],
)
def test_a_rate_has_one_form_for_keys_and_one_for_people_that_means_the_same(
    rate: str, in_key: int | str, number: float
):
    exact = Fraction(rate)

    assert (rate_in_key(exact), rate_number(exact)) == (in_key, number)
    assert type(rate_number(exact)) is type(number)
    assert exact_rate(rate_number(exact)) == exact
