"""`wan-video status`: what an operator asks of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.cli.console import print_json, tell, tell_next
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors import InvalidRequest, Problem
from footage.errors.actions import Harvest, NextStep, ResumeBuying
from footage.privacy.display import one_line

if TYPE_CHECKING:
    from footage.steps.store_status import StoreStatus

_MOST_NAMED = 10


def status(
    *keys: str,
    json: Switch = False,
    prometheus: Switch = False,
    emulator: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """What an operator asks: what waits, how old it is, what was spent and refused today, what expires next.

    Reads the store, writes nothing and asks no provider.

    Args:
        keys: Only where these clips stand, by the beginnings of their keys (6 characters or more).
        json: Print it as JSON, alone on stdout.
        prometheus: Print it as Prometheus reads it, alone on stdout.
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.steps.store_status import clip_status, store_status
    from footage.steps.store_status_texts import as_prometheus

    if prometheus and (json or keys):
        problem = Problem("prometheus", "given", "is the text of the whole store", "neither --json nor keys")
        raise InvalidRequest(problems=(problem,))
    with emulated(emulator), store_here(storage_block) as context:
        if keys:
            clips = [clip_status(context, key) for key in keys]
            if json:
                print_json({"clips": [clip.to_json() for clip in clips]})
                return 0
            for clip in clips:
                until = f", expires {clip.expires_at:%Y-%m-%d %H:%M} UTC" if clip.expires_at else ""
                task = f", task {clip.task_id}" if clip.task_id else ""
                print(f"{clip.key[:12]}  {clip.state}{task}{until}  (paid: {clip.paid})")
                if clip.video_url:
                    print(f"  {clip.video_url}")
            return 0
        now = store_status(context)
    if json:
        print_json(now.to_json())
    elif prometheus:
        print(as_prometheus(now), end="")
    else:
        _print(now)
    return 0


def _print(now: StoreStatus) -> None:
    from footage.steps.store_status_texts import as_rows

    for name, value in as_rows(now):
        # Why buying was stopped is a text of others.
        print(f"{name:<14}{one_line(value)}")
    for clip in now.waiting[:_MOST_NAMED]:
        age_s = now.age_s(clip)
        age = "" if age_s is None else f", {age_s / 60:.0f} min old"
        print(f"  {clip.key[:12]}  {clip.status}{age}")
    if len(now.waiting) > _MOST_NAMED:
        print(f"  … and {len(now.waiting) - _MOST_NAMED} more")
    for notice in now.retiring:
        tell(f"note: {notice.seen.model}: {notice.advice()}", "yellow")
    for warning in now.warnings:
        tell(f"note: {warning}", "yellow")
    if now.stopped is not None:
        tell_next(NextStep.of(ResumeBuying(), " lets clips be bought again"))
    elif now.waiting:
        tell_next(NextStep.of(Harvest(), " finishes what waits, if no run does"))
