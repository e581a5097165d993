"""report.json of a board: what became of its shots and takes, what they cost, and what its films are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from footage.values.money import amount_text

if TYPE_CHECKING:
    from footage.storyboard.budget import Statement
    from footage.storyboard.cut import ShotOutcome
    from footage.storyboard.finished_film import FinishedFilm
    from footage.storyboard.plan import BoardPlan
    from footage.storyboard.take_rows import TakeRow


def board_report(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    takes: Mapping[str, Sequence[TakeRow]],
    statement: Statement,
    film: FinishedFilm | None,
    further_films: Mapping[str, FinishedFilm],
) -> dict[str, Any]:
    """The document; `takes` are the rows of each shot, `further_films` those of further sizes by their names."""
    report = {
        "title": plan.board.title,
        "shots": {
            outcome.shot_id: {
                **asdict(outcome),
                "response": outcome.response.model_dump(mode="json") if outcome.response else None,
            }
            for outcome in outcomes.values()
        },
        "takes": {shot_id: [row.to_json() for row in rows] for shot_id, rows in takes.items() if rows},
        "quote": {
            "seconds": plan.quote.seconds,
            "amounts": {c: amount_text(a) for c, a in plan.quote.amounts.items()},
            "read_on": plan.quote.read_on,
            "unknown": plan.quote.unknown,
        },
        "cost": {
            **statement.to_json(),
            "bought_seconds": statement.bought_seconds,
            "paid_before_seconds": statement.paid_before_seconds,
            "promised_seconds": statement.reserved_seconds,
        },
        "film": None if film is None else film.report,
    }
    if further_films:
        report["further_films"] = {name: further.report for name, further in further_films.items()}
    return report
