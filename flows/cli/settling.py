"""`wan-video cancel` and `wan-video adopt`: what only a person can decide."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from flows.cli.booked import about_what_is_booked
from flows.cli.emulated import emulated
from flows.cli.flags import Switch
from flows.cli.say import print_json, tell
from footage.errors import InvalidRequest, Problem, Unreachable

if TYPE_CHECKING:
    from footage.steps.cancel import Cancellation
    from footage.studio import Studio

T = TypeVar("T")


def cancel(
    *keys: str,
    emulator: Switch = False,
    json: Switch = False,
    credentials_block: str | None = None,
    storage_block: str | None = None,
) -> None:
    """Cancel clips as far as the provider can: queued ones are not billed, running ones go on and are billed.

    Args:
        keys: Keys of the clips, or their beginnings (6 characters or more).
        emulator: The clips were made with --emulator.
        json: Print what became of each as JSON, alone on stdout.
        credentials_block: Name of a DashScope Credentials block of the Prefect server.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from dataclasses import asdict

    if not keys:
        problem = Problem("keys", "(nothing)", "name the clips to cancel", "keys, or their beginnings")
        raise InvalidRequest(problems=(problem,))
    with about_what_is_booked(), emulated(emulator):
        done = _in_studio(lambda studio: _cancel(studio, keys), credentials_block, storage_block)
    if json:
        print_json([asdict(one) for one in done])


def _cancel(studio: Studio, keys: tuple[str, ...]) -> list[Cancellation]:
    from footage.steps.cancel import cancel as cancel_clip
    from footage.steps.check import full_key

    done: list[Cancellation] = []
    # All are looked up first: a wrong one is told before anything is cancelled.
    for key in [full_key(studio, key) for key in keys]:
        one = cancel_clip(studio, key, by="wan-video cancel")
        tell(f"{key[:12]} {one.became}: {one.message}.")
        done.append(one)
    return done


def adopt(
    key: str,
    task_id: str,
    *,
    emulator: Switch = False,
    credentials_block: str | None = None,
    storage_block: str | None = None,
) -> None:
    """Say which of the provider's tasks an unknown submission became; the clip then goes on with it.

    Args:
        key: Key of the clip, or its beginning (6 characters or more).
        task_id: The provider's task, as the error or the provider's console names it.
        emulator: The clip was made with --emulator.
        credentials_block: Name of a DashScope Credentials block of the Prefect server.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.steps.adopt import adopt as adopt_task

    with about_what_is_booked(), emulated(emulator):
        receipt = _in_studio(
            lambda studio: adopt_task(studio, key, task_id), credentials_block, storage_block
        )
    tell(f"Task {receipt.task_id} is attempt {receipt.attempt} of clip {receipt.key[:12]} now.")
    tell(f"→ wan-video generate --key {receipt.key}", "bold")


def _in_studio(act: Callable[[Studio], T], credentials_block: str | None, storage_block: str | None) -> T:
    """Do something with the key and in the store that a run with these blocks would have.

    Raises:
        AccountProblem, InvalidRequest: There is no such block.
        Unreachable: A block was named, and there is no Prefect server.
    """
    from flows.cli.server import found_server, prefect_server, talking_to
    from footage.studio import open_studio
    from footage.threads import in_thread
    from tasks.studio import studio_of

    async def with_blocks() -> T:
        async with studio_of(None, credentials_block, storage_block) as studio:
            return await in_thread(act, studio)

    if credentials_block or storage_block:
        with prefect_server():
            return asyncio.run(with_blocks())
    url = None
    # What is paid for must be cancelled also while Prefect is away; then the key is the environment's.
    with contextlib.suppress(Unreachable):
        url = found_server()
    if url is not None:
        with talking_to(url):
            return asyncio.run(with_blocks())
    with contextlib.closing(open_studio()) as studio:
        return act(studio)
