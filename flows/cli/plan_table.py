"""What `wan-video storyboard --dry-run` shows: each shot as it would be bought."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flows.cli.console import print_json, tell

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard import BoardPlan, BoardQuote, ShotPlan
    from footage.storyboard.read import Part

_HEADS = ("shot", "model", "first frame", "length", "price")


def show_plan(
    context: Context, plan: BoardPlan, mapping: Iterable[Part], buy_again: bool, *, as_json: bool
) -> None:
    """Print every shot as it would be bought, and the price.

    Raises:
        OverBudget: The run would refuse this board, or all buying is stopped.
    """
    from footage.privacy.display import one_line
    from footage.privacy.redact import redact
    from footage.storyboard import approval_reason, check_budget, in_words
    from footage.storyboard.film import has_visible_label
    from footage.storyboard.store_limits import limits_in_words
    from footage.storyboard.to_buy import still_to_buy

    budget = plan.board.budget
    due = still_to_buy(context, plan, buy_again=buy_again)
    labelled = has_visible_label(plan, context.settings.labelling)
    if as_json:
        film: dict[str, Any] = {"visible_label": "own" if labelled else "none"}
        if plan.music is not None:
            film["music"] = redact(plan.music.facts())
        print_json(_document(plan, due, mapping) | {"film": film})
    else:
        _print_shots(plan)
        if labelled:
            print(
                "The visible label AI生成 is drawn over the opening of the film, which is encoded again for it."
            )
        if plan.music is not None:
            print(f"Music: {redact(one_line(plan.music.in_words()))}.")
        print(in_words(plan.quote, due, budget))
    check_budget(due, budget)
    for warning in limits_in_words(context, due):
        tell(f"note: {warning}", "yellow")
    if reason := approval_reason(due, budget):
        tell(f"note: {reason}", "yellow")


def _document(plan: BoardPlan, due: BoardQuote, mapping: Iterable[Part]) -> dict[str, Any]:
    from footage.catalogue import CATALOGUE
    from footage.storyboard.read.mapping import as_rows
    from footage.values.money import amount_text

    budget = plan.board.budget
    return {
        "title": plan.board.title,
        "seconds": plan.quote.seconds,
        "cost": amount_text(plan.quote.amount_in(budget.currency)),
        "currency": budget.currency,
        "to_buy": {
            "clips": due.clips,
            "seconds": due.seconds,
            "cost": amount_text(due.amount_in(budget.currency)),
            "prices": {currency: amount_text(sum) for currency, sum in due.amounts.items()},
        },
        "cny_per_usd": str(CATALOGUE.cny_per_usd),
        "budget": budget.model_dump(mode="json"),
        "shots": [_shot(shot) for shot in plan.takes],
        "mapping": as_rows(mapping),
    }


def _shot(shot: ShotPlan) -> dict[str, Any]:
    from footage.values.money import amount_text

    return {
        "id": shot.id,
        "shot": shot.shot.id,
        "take": shot.take,
        "seed": shot.request.seed,
        "model": shot.request.model,
        "from": shot.starts_from,
        "first_frame": _first_frame(shot),
        "tied_by": shot.tied_by,
        "seconds": shot.expected.duration_s,
        "size": f"{shot.expected.width}*{shot.expected.height}",
        "cost": amount_text(shot.quote.amount),
        "currency": shot.quote.currency,
        "visible_label": shot.request.visible_label,
        "same_as": shot.same_as,
        "prompt": shot.request.prompt,
    }


def _first_frame(shot: ShotPlan) -> str | None:
    from footage.privacy.display import shown_reference

    if shot.starts_from is not None:
        return f"{'clip' if shot.continues else 'last frame'} of {shot.starts_from}"
    image = shot.request.reference_image
    return shown_reference(image) if image is not None else None


def _print_shots(plan: BoardPlan) -> None:
    from footage.privacy.display import one_line
    from footage.privacy.redact import redact
    from footage.values.money import money

    rows = [
        (
            one_line(shot.id),
            shot.request.model,
            one_line(_first_frame(shot) or "–"),
            f"{shot.expected.duration_s} s",
            f"with {shot.same_as}" if shot.same_as else money(shot.quote.amount, shot.quote.currency),
        )
        for shot in plan.takes
    ]
    widths = [max(len(row[place]) for row in (_HEADS, *rows)) for place in range(len(_HEADS))]
    print(_row(_HEADS, widths))
    for shot, row in zip(plan.takes, rows, strict=True):
        print(_row(row, widths))
        print(f"    {redact(one_line(shot.request.prompt))}")
        if shot.ties_told:
            print(f"    tied by {one_line(shot.tied_by)}")


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
