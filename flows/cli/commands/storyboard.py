"""`wan-video storyboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows.cli.console import print_json, show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.exit_codes import about_clips, about_what_is_booked, code_of
from flows.cli.flags import BlockName, ModelName, Switch
from footage.errors import InvalidRequest, OverBudget, Problem
from footage.order.hand_over import hand_over

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.probe import FirstContact
    from footage.storyboard import BoardPlan, Reading
    from footage.storyboard.prepared_board import PreparedBoard
    from footage.storyboard.read import Settlement

_Repeated = Annotated[list[str] | None, Parameter(negative="")]


def storyboard(
    board: str | None = None,
    /,
    *,
    format: Annotated[str | None, Parameter(metavar="FORMAT")] = None,
    model: ModelName = None,
    map_column: Annotated[_Repeated, Parameter(name="--map", metavar="COLUMN=FIELD")] = None,
    set_field: Annotated[_Repeated, Parameter(name="--set", metavar="SHOT.FIELD=VALUE")] = None,
    map_file: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    save_map: Switch = False,
    accept_guesses: Switch = False,
    encoding: Annotated[str | None, Parameter(metavar="NAME")] = None,
    assets: Annotated[str | None, Parameter(metavar="DIR_OR_URL")] = None,
    run: Literal["inline", "deployments"] = "inline",
    shots_per_run: Annotated[int | None, Parameter(metavar="NUMBER")] = None,
    max_seconds: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    max_cost: Annotated[float | None, Parameter(metavar="AMOUNT")] = None,
    approve_above: Annotated[float | None, Parameter(metavar="AMOUNT")] = None,
    approve: Annotated[str | None, Parameter(metavar="RUN_ID")] = None,
    dry_run: Switch = False,
    emulator: Switch = False,
    json: Switch = False,
    retry_failed: Switch = False,
    buy_again: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Make every shot of a storyboard, and the cut: film, timeline, edit list, dailies.

    Args:
        board: The storyboard: our YAML or JSON, a shot list (CSV, .xlsx), ViMax, huobao-drama, Toonflow, ArcReel, .otio
            or .otioz.
        format: How to read it, if its shape does not tell: wan-video, csv, json, vimax, huobao-drama, toonflow,
            arcreel or otio.
        model: Model for all shots that name none, such as wan2.2-t2v-plus; wan-video models has all.
        map_column: What a column of the board is, such as Beat=description; metadata: nothing that is bought. A length
            may have its unit: Len=duration:frames@24. May be repeated.
        set_field: One field of one shot, such as 3.duration=5 or 7.skip=true. May be repeated.
        map_file: A file with such answers; the board's own BOARD.map.yaml is found by itself.
        save_map: Keep the answers beside the board, as BOARD.map.yaml.
        accept_guesses: Buy also what is only guessed about the board.
        encoding: Encoding of the file, such as gb18030, where it is not UTF-8.
        assets: Folder or address of the pictures that the board names.
        run: inline makes the shots in this process; deployments spreads them over workers, by runs of generate-videos.
        shots_per_run: How many shots each of those runs makes, 1 to 50; else an equal share for each worker.
        max_seconds: Most seconds of video this run may buy.
        max_cost: Most money this run may spend, in the board's currency; USD if it names none.
        approve_above: Above this price, in the same currency, a person has to approve.
        approve: Instead of a board: approve the price of the waiting run with this id.
        dry_run: Check and price the whole board, and refuse it like the run would; send nothing, store nothing.
        emulator: Use the local stand-in instead of the provider; no key needed, nothing is bought.
        json: Print the result as JSON, alone on stdout.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for shots whose first purchase is lost or unknown.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    show_progress()
    if approve is not None:
        from flows.cli.run_flow import approve_run

        approve_run(approve)
        return 0
    if board is None:
        raise InvalidRequest(problems=(Problem("board", "(nothing)", "give a storyboard file"),))
    tell("Reading the board …", "dim")
    defaults = {"model": model} if model else None
    from footage.context import open_context

    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    settled = _settled(map_column, set_field, map_file, encoding, assets, accept_guesses)
    with emulated(emulator):
        contacts: list[FirstContact | None] = []
        with open_context() as context:
            prepared = _prepared(context, board, format, defaults, caps, settled)
            reading, plan = prepared.reading, prepared.plan
            if save_map:
                _save_map(reading, board)
            if dry_run:
                from flows.cli.plan_table import show_plan
                from footage.storyboard.preflight import preflight

                preflight(plan)
                show_plan(context, plan, reading.mapping, buy_again, as_json=json)
                return 0
            if storage_block is None:
                _refuse_over_budget(context, plan, buy_again)
                if credentials_block is None:
                    contacts = _meet_provider(context, plan)
        tell("Starting the run …", "dim")
        from flows.cli.run_flow import board_result
        from flows.storyboard import storyboard as storyboard_flow

        parameters = {
            "board": board,
            "board_format": format,
            "defaults": defaults,
            "mapping": reading.settlement.plain() or None,
            "accept_guesses": accept_guesses,
            "run": run,
            "shots_per_run": shots_per_run,
            **caps,
            "retry_failed": retry_failed,
            "buy_again": buy_again,
            "credentials_block": credentials_block,
            "storage_block": storage_block,
        }
        keys = [shot.key for shot in plan.shots if shot.key is not None]
        # What is booked in a block's store cannot be looked up without the server.
        with about_what_is_booked() if storage_block else about_clips(keys), hand_over(prepared, *contacts):
            result = board_result(storyboard_flow, parameters)
    if json:
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


def _prepared(
    context: Context,
    board: str,
    board_format: str | None,
    defaults: dict[str, Any] | None,
    caps: dict[str, float | None],
    settled: Settlement,
) -> PreparedBoard:
    """Check the whole board before Prefect is loaded; a mistake is answered at once."""
    from footage.storyboard import grouped
    from footage.storyboard.prepared_board import prepare_board

    prepared = prepare_board(context, board, board_format, defaults=defaults, settled=settled, caps=caps)
    for guess in grouped(prepared.reading.guesses):
        tell(f"read: {guess}", "dim")
    for warning in prepared.plan.warnings:
        tell(f"note: {warning}", "yellow")
    return prepared


def _settled(
    maps: list[str] | None,
    sets: list[str] | None,
    map_file: Path | None,
    encoding: str | None,
    assets: str | None,
    accept_guesses: bool,
) -> Settlement:
    from footage.storyboard.read.settlement import read_map, settle

    if assets is not None and "://" not in assets:
        assets = str(Path(assets).expanduser().absolute())
    said = settle(maps or (), sets or (), encoding=encoding, assets=assets, accept_guesses=accept_guesses)
    return said.over(read_map(map_file)) if map_file is not None else said


def _save_map(reading: Reading, board: str) -> None:
    from footage.storyboard.read.settlement import map_beside, save_map, with_accepted

    path = map_beside(Path(board))
    save_map(with_accepted(reading.settlement, reading.mapping), path)
    tell(f"The answers about this board are in {path}.")


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
    for name, url in result["links"].items():
        if name not in ("film.mp4", "report.json", "board.json"):
            tell(f"{name:<15} {url}")
    if "film.mp4" in result["links"]:
        print(result["links"]["film.mp4"])
