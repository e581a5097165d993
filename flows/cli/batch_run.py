"""`wan-video generate --file`: many requests in one run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flows.cli.console import print_json, tell
from flows.cli.exit_codes import about_clips, about_what_is_booked, code_of
from footage.order.hand_over import hand_over

if TYPE_CHECKING:
    from footage.batch.prepared_batch import PreparedBatch
    from footage.context import Context
    from footage.steps.probe import FirstContact


def make_batch(
    file: str,
    caps: dict[str, float | None],
    currency: str,
    options: dict[str, Any],
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Check every line of the file, make what is missing, and tell how each line ended; the exit code.

    Raises:
        InvalidRequest: A line is wrong, the file cannot be read, or a cap is none; nothing was bought.
        OverBudget: What is still to be bought passes a cap, or a person did not approve it.
        AccountProblem, Unreachable: A block was named, and it or the Prefect server is not there.
    """
    from flows.cli.contexts import context_before_run
    from footage.batch.batch_check import prepare_batch
    from footage.storyboard import Budget, capped

    tell("Reading the requests …", "dim")
    contacts: list[FirstContact] = []
    with contextlib.ExitStack() as stack:
        with context_before_run(options["credentials_block"], options["storage_block"]) as context:
            budget = capped(Budget(currency=currency), caps)
            batch = stack.enter_context(prepare_batch(context, None, file, budget))
            if dry_run:
                _show_plan(context, batch, options["buy_again"], as_json=as_json)
                return 0
            if options["storage_block"] is None:
                left = _regions_left(context, batch, options["buy_again"])
                if options["credentials_block"] is None:
                    contacts = _meet_provider(context, left)
        result = _run(file, batch, contacts, {**caps, "currency": currency, **options})
    if as_json:
        print_json(result)
    else:
        _show(result)
    clips = result["clips"]
    return code_of(
        {clip["id"]: clip["state"] for clip in clips}, {clip["id"] for clip in clips if clip["unreachable"]}
    )


def _run(
    file: str, batch: PreparedBatch, contacts: list[FirstContact], parameters: dict[str, Any]
) -> dict[str, Any]:
    tell("Starting the run …", "dim")
    from flows.batch import generate_videos
    from flows.cli.run_flow import board_result

    keys = [entry.key for entry in batch.clips]
    # What is booked in a block's store cannot be looked up without the server.
    booked = about_what_is_booked() if parameters["storage_block"] else about_clips(keys)
    with booked, hand_over(batch, *contacts):
        return board_result(generate_videos, {"file": file, **parameters})


def _regions_left(context: Context, batch: PreparedBatch, buy_again: bool) -> list[str]:
    """The regions in which a clip is left to make; refuses at once what the run would refuse."""
    from footage.storyboard import check_budget

    bought = batch.bought(context, buy_again=buy_again)
    check_budget(batch.due(bought), batch.budget, "batch")
    stored = {entry_id for entry_id, clip in bought.items() if clip.stored}
    return sorted({entry.region for entry in batch.clips if entry.id not in stored})


def _meet_provider(context: Context, regions: list[str]) -> list[FirstContact]:
    from footage.steps.probe import first_contact

    return [contact for region in regions if (contact := first_contact(context, region)) is not None]


def _show_plan(context: Context, batch: PreparedBatch, buy_again: bool, *, as_json: bool) -> None:
    """Print each line as it would be bought, and the price.

    Raises:
        OverBudget: The run would refuse this batch, or all buying is stopped.
    """
    from footage.storyboard import approval_reason, check_budget, in_words
    from footage.storyboard.store_limits import limits_in_words
    from footage.values.money import money

    due = batch.due(batch.bought(context, buy_again=buy_again))
    if as_json:
        print_json(
            [
                {"line": entry.line, "id": entry.id, "key": entry.key, "model": entry.model, "region": entry.region,
                 "seconds": entry.quote.seconds, "amount": str(entry.quote.amount),
                 "currency": entry.quote.currency, "same_as": entry.same_as}
                for entry in batch.entries
            ]
        )  # fmt: skip
    else:
        for entry in batch.entries:
            price = money(entry.quote.amount, entry.quote.currency)
            same = f", same clip as {entry.same_as}" if entry.same_as else ""
            print(f"{entry.id}  {entry.key[:12]}  {entry.model}  {entry.quote.seconds} s  {price}{same}")
        print(in_words(batch.quote, due, batch.budget))
    check_budget(due, batch.budget, "batch")
    for note in (*limits_in_words(context, due), approval_reason(due, batch.budget)):
        if note:
            tell(f"note: {note}", "yellow")


def _show(result: dict[str, Any]) -> None:
    for clip in result["clips"]:
        if clip["state"] == "delivered":
            print(clip["video_url"])
            continue
        tell(f"{clip['id']} {clip['state']}: {clip['error'] or ''}", "yellow")
        if clip["next"]:
            tell(f"  → {clip['next']}")
    same = sum(clip["same_as"] is not None for clip in result["clips"])
    tell(
        f"{result['counts'].get('delivered', 0)} of {len(result['clips'])} lines"
        + (f", {same} of them the clip of an earlier line" if same else "")
        + f": {result['cost_in_words']}",
        "bold",
    )
    tell(f"report    {result['report_url']}")
