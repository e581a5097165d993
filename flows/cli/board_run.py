"""Run the storyboard flow for a board that was prepared here, and show what became of its shots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.cli.console import print_json, tell
from flows.cli.exit_codes import about_clips, about_what_is_booked, code_of
from footage.errors import OverBudget
from footage.order.hand_over import hand_over

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.probe import FirstContact
    from footage.storyboard import BoardPlan
    from footage.storyboard.prepared_board import PreparedBoard


def look_ahead(
    context: Context, plan: BoardPlan, buy_again: bool, *, ask_provider: bool
) -> list[FirstContact | None]:
    """Refuse at once what the run would refuse, and meet the provider where something is left to make.

    Raises:
        OverBudget: What is still to be bought passes a cap.
        AccountProblem, Unreachable: The provider says so.
    """
    _refuse_over_budget(context, plan, buy_again)
    return _meet_provider(context, plan) if ask_provider else []


def run_board(
    prepared: PreparedBoard,
    contacts: list[FirstContact | None],
    parameters: dict[str, Any],
    *,
    as_json: bool,
) -> int:
    """Run the flow with these parameters and print its result; the exit code.

    Raises:
        FootageError: The board as a whole was refused or stopped; nothing, or nothing more, was bought.
    """
    tell("Starting the run …", "dim")
    from flows.cli.run_flow import board_result
    from flows.storyboard import storyboard as storyboard_flow
    from footage.privacy.redact import redact

    # Parameters are stored, and the run takes the board that was prepared with the links themselves.
    parameters = {**parameters, "mapping": redact(parameters["mapping"])}
    keys = [take.key for take in prepared.plan.takes if take.key is not None]
    # What is booked in a block's store cannot be looked up without the server.
    about = about_what_is_booked() if parameters["storage_block"] else about_clips(keys)
    with about, hand_over(prepared, *contacts):
        result = board_result(storyboard_flow, parameters)
    if as_json:
        print_json(result)
    else:
        _show(result)
    return code_of(result["shots"], result["unreachable"])


def _meet_provider(context: Context, plan: BoardPlan) -> list[FirstContact | None]:
    """Ask each region once in which a shot is left to make; a board that is all stored needs no provider."""
    from footage.steps.probe import first_contact
    from footage.storyboard.to_buy import not_stored

    left = {shot.region for shot in not_stored(context, plan)}
    return [first_contact(context, region) for region in sorted(left)]


def _refuse_over_budget(context: Context, plan: BoardPlan, buy_again: bool) -> None:
    """Refuse at once what the run would refuse; what is paid already is looked up only where it decides.

    Raises:
        OverBudget: What is still to be bought passes a cap.
    """
    from footage.storyboard import check_budget
    from footage.storyboard.to_buy import still_to_buy

    budget = plan.board.budget
    try:
        check_budget(plan.quote, budget)
    except OverBudget:
        check_budget(still_to_buy(context, plan, buy_again=buy_again), budget)


def _show(result: dict[str, Any]) -> None:
    for shot_id, state in result["shots"].items():
        if state == "delivered":
            continue
        tell(f"{shot_id} {state}: {result['reasons'].get(shot_id, '')}", "yellow")
        if shot_id in result["commands"]:
            tell(f"  → {result['commands'][shot_id]}")
    delivered = sum(state == "delivered" for state in result["shots"].values())
    tell(f"{delivered} of {len(result['shots'])} shots: {result['cost_in_words']}", "bold")
    others = {
        name: url
        for name, url in result["links"].items()
        if name not in ("film.mp4", "report.json", "board.json")
    }
    for name, url in others.items():
        tell(f"{name:<{max(map(len, others))}}  {url}")
    if "film.mp4" in result["links"]:
        print(result["links"]["film.mp4"])
