"""`wan-video verify`: is every stored clip still what was delivered?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.cli.console import print_json, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors import InvalidRequest, Problem
from footage.values.counted import counted

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.verify import Verified


def verify(
    *keys: str,
    all: Switch = False,
    emulator: Switch = False,
    json: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """Recompute everything that proves stored clips: records, links between them, and the hashes of all files.

    Writes nothing and asks no provider. Ends with 0 if everything fits, 7 if something is damaged.

    Args:
        keys: Keys of the clips, or their beginnings (6 characters or more).
        all: Every clip of the store.
        emulator: The clips were made with --emulator.
        json: Print what was found as JSON, alone on stdout.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    if bool(keys) == all:
        given = "both" if all else "(nothing)"
        problem = Problem("keys", given, "name the clips, or all of them", "keys, or --all")
        raise InvalidRequest(problems=(problem,))
    with emulated(emulator), store_here(storage_block) as context:
        found = _verify(context, keys)
    damaged = [clip for clip in found if clip.problems]
    if json:
        print_json(
            {"clips": [clip.to_json() for clip in found], "checked": len(found), "damaged": len(damaged)}
        )
    tell(f"{counted(len(found), 'clip')} checked, {len(damaged)} damaged.", "bold red" if damaged else "bold")
    return 7 if damaged else 0


def _verify(context: Context, keys: tuple[str, ...]) -> list[Verified]:
    from footage.evidence.stored_clips import keys_in
    from footage.steps.check import full_key
    from footage.steps.verify import verify_clip

    found: list[Verified] = []
    for key in [full_key(context, key) for key in keys] if keys else sorted(keys_in(context.store)):
        one = verify_clip(context.store, key)
        tell(f"{key[:12]} {'DAMAGED' if one.problems else 'ok' if one.finished else 'ok, not finished'}")
        for problem in one.problems:
            tell(f"  {problem}", "red")
        found.append(one)
    return found
