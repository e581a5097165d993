"""The film: real clips joined, and what to do with those that do not fit."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest
from boards import delivered, planned
from clips import make_clip

from footage.media import inspect
from footage.storyboard import ShotOutcome
from footage.storyboard.film import make_film
from footage.storyboard.plan import BoardPlan
from footage.storyboard.timeline import timeline_otio


def four_shots(tmp_path: Path) -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, Path]]:
    """Four planned shots of 480P; a and b came as asked, c is still missing, d depends on the test."""
    plan = planned(*({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("abcd")))
    files = {name: make_clip(tmp_path / f"{name}.mp4", size=(832, 480), fps=30, seconds=0.4) for name in "ab"}
    outcomes = {name: delivered(plan.shot(name), duration=0.4) for name in "ab"}
    return plan, outcomes, files


def test_delivered_shots_are_joined_in_order_and_the_timeline_agrees_about_every_length(tmp_path: Path):
    plan, outcomes, files = four_shots(tmp_path)

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    assert film.included == ("a", "b")
    assert film.copied
    assert film.left_out == {"c": "it has no clip", "d": "it has no clip"}
    facts = inspect(tmp_path / "film.mp4")
    assert (facts.frames, facts.fps) == (24, 30)
    assert film.duration_s == pytest.approx(facts.duration_s, abs=0.001)
    media = {name: file.name for name, file in files.items()}
    timeline = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")
    lengths = [clip.duration().to_seconds() for clip in timeline.find_clips()]
    assert lengths == [pytest.approx(inspect(file).duration_s) for file in files.values()]


def test_a_clip_of_another_rate_is_converted_and_one_of_another_shape_left_out(tmp_path: Path):
    plan, outcomes, files = four_shots(tmp_path)
    files["c"] = make_clip(tmp_path / "c.mp4", size=(832, 464), fps=15, seconds=0.4)
    files["d"] = make_clip(tmp_path / "d.mp4", size=(480, 832), fps=30, seconds=0.4)
    outcomes["c"] = delivered(plan.shot("c"), duration=0.4, fps=15.0, size="832*464")
    outcomes["d"] = delivered(plan.shot("d"), duration=0.4, size="480*832")

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    assert (film.included, film.converted, set(film.left_out)) == (("a", "b", "c"), ("c",), {"d"})
    facts = inspect(tmp_path / "film.mp4")
    assert (facts.width, facts.height, facts.frames) == (832, 480, 36)


def test_without_clips_there_is_no_film(tmp_path: Path):
    plan = planned({"id": "a"})

    assert make_film(plan, {}, {}, tmp_path / "film.mp4") is None
    assert not (tmp_path / "film.mp4").exists()


def test_an_outcome_cannot_claim_a_clip_it_does_not_have():
    with pytest.raises(ValueError, match="shot a"):
        ShotOutcome("a", "delivered")
