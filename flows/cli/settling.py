"""`wan-video cancel` and `wan-video adopt`: what only a person can decide."""

from __future__ import annotations

from flows.cli.emulated import emulated
from flows.cli.flags import Switch
from flows.cli.say import print_json, tell


def cancel(*keys: str, emulator: Switch = False, json: Switch = False) -> None:
    """Cancel clips as far as the provider can: queued ones are not billed, running ones go on and are billed.

    Args:
        keys: Keys of the clips, or their beginnings (6 characters or more).
        emulator: The clips were made with --emulator.
        json: Print what became of each as JSON, alone on stdout.
    """
    from dataclasses import asdict

    from footage.steps.cancel import cancel as cancel_clip
    from footage.steps.check import full_key
    from footage.studio import open_studio

    with emulated(emulator):
        studio = open_studio()
        done = [cancel_clip(studio, full_key(studio, key), by="wan-video cancel") for key in keys]
    if json:
        print_json([asdict(one) for one in done])
    for one in done:
        tell(f"{one.key[:12]} {one.became}: {one.message}.")


def adopt(key: str, task_id: str, *, emulator: Switch = False) -> None:
    """Say which of the provider's tasks an unknown submission became; the clip then goes on with it.

    Args:
        key: Key of the clip, or its beginning (6 characters or more).
        task_id: The provider's task, as the error or the provider's console names it.
        emulator: The clip was made with --emulator.
    """
    from footage.steps.adopt import adopt as adopt_task
    from footage.studio import open_studio

    with emulated(emulator):
        receipt = adopt_task(open_studio(), key, task_id)
    tell(f"Task {receipt.task_id} is attempt {receipt.attempt} of clip {receipt.key[:12]} now.")
    tell(f"→ wan-video generate --key {receipt.key}", "bold")
