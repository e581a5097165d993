"""`wan-video takes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.cli.console import print_json, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from flows.cli.verdicts import reviewed_board
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from footage.storyboard.take_rows import TakeRow

_HEADS = ("shot", "take", "key", "verdict", "seed", "price", "ordered", "what differs")


def takes(
    board: str,
    shot: str | None = None,
    /,
    *,
    emulator: Switch = False,
    json: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """List the takes of a board: which one is used, what was said of it, what differs in its request, its price.

    Reads the store, writes nothing and asks no provider.

    Args:
        board: The board's file, or the name of its folder in the store.
        shot: Id of one shot; all shots, if not given.
        emulator: The store of --emulator.
        json: Print them as JSON, alone on stdout.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.storyboard.folder import folder_of
    from footage.storyboard.take_list import read_takes, state_of_shot
    from footage.storyboard.take_rows import take_rows

    with emulated(emulator), store_here(storage_block) as context:
        plan = reviewed_board(context, board).plan
        shots = [one for one in plan.shots if shot in (None, one.id)]
        if not shots:
            allowed = ", ".join([one.id for one in plan.shots][:20])
            raise InvalidRequest(
                problems=(Problem("shot", str(shot), "the board has no such shot", allowed),)
            )
        found = read_takes(context.store, folder_of(context.store, plan.board), shot)
        rows = {one.id: take_rows(context.store, found.get(one.id, ()), one.shot_sha256) for one in shots}
        states = {one.id: state_of_shot(found.get(one.id, ()), one.shot_sha256) for one in shots}
    if json:
        document = {
            shot_id: {"state": states[shot_id], "takes": [row.to_json() for row in of_shot]}
            for shot_id, of_shot in rows.items()
        }
        print_json({"shots": document})
        return 0
    _print([row for of_shot in rows.values() for row in of_shot])
    for shot_id, state in states.items():
        tell(f"{shot_id}: {state}", "dim")
    return 0


def _print(rows: list[TakeRow]) -> None:
    from footage.privacy.display import one_line

    cells = [_HEADS, *(tuple(map(one_line, _cells(row))) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADS))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(row: TakeRow) -> tuple[str, ...]:
    said = row.state + (f" ({row.by})" if row.by else "") + (f": {row.note}" if row.note else "")
    differs = [f"{name} = {value}" for name, value in row.differs.items()]
    if not row.current:
        differs.append("of an earlier request")
    return (
        row.shot,
        f"{row.take}{' *' if row.used else ''}",
        row.key[:12],
        said,
        "–" if row.seed is None else str(row.seed),
        row.price or "–",
        row.ordered_at,
        "; ".join(differs),
    )
