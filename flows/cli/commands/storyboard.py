"""`wan-video storyboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows.cli.board_run import look_ahead, run_board
from flows.cli.console import show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, ModelName, Switch
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.probe import FirstContact
    from footage.storyboard import Reading
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
    film: Annotated[_Repeated, Parameter(metavar="FIELD=VALUE")] = None,
    media_root: Annotated[str | None, Parameter(metavar="DIR")] = None,
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
    approve_shots: Switch = False,
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
        film: One field of the film, such as transitions=true, size=720*1280 or music=bed.mp3. May be repeated.
        media_root: The folder that holds `videos` on an editor's machine, such as D:\\films or /Volumes/films; as
            --film media_root=DIR.
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
        approve_shots: Make what starts from another shot only once a take of that one is picked.
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

        if board is not None or dry_run:
            why = "it says yes to the price of a run that waits, and stands alone"
            raise InvalidRequest(problems=(Problem("approve", approve, why),))
        approve_run(approve)
        return 0
    if board is None:
        raise InvalidRequest(problems=(Problem("board", "(nothing)", "give a storyboard file"),))
    tell("Reading the board …", "dim")
    defaults = {"model": model} if model else None
    from flows.cli.contexts import context_before_run

    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    films = [*(film or ()), *([f"media_root={media_root}"] if media_root is not None else [])]
    settled = _settled(map_column, set_field, films, map_file, encoding, assets, accept_guesses)
    with emulated(emulator):
        contacts: list[FirstContact | None] = []
        with context_before_run(credentials_block, storage_block) as context:
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
                contacts = look_ahead(context, plan, buy_again, ask_provider=credentials_block is None)
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
            "approve_shots": approve_shots,
        }
        return run_board(prepared, contacts, parameters, as_json=json)


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
    films: list[str],
    map_file: Path | None,
    encoding: str | None,
    assets: str | None,
    accept_guesses: bool,
) -> Settlement:
    from footage.storyboard.read.settlement import read_map, settle

    if assets is not None and "://" not in assets:
        assets = str(Path(assets).expanduser().absolute())
    said = settle(
        maps or (), sets or (), films, encoding=encoding, assets=assets, accept_guesses=accept_guesses
    )
    return said.over(read_map(map_file)) if map_file is not None else said


def _save_map(reading: Reading, board: str) -> None:
    from footage.storyboard.read.settlement import map_beside, save_map, with_accepted

    path = map_beside(Path(board))
    save_map(with_accepted(reading.settlement, reading.mapping), path)
    tell(f"The answers about this board are in {path}.")
