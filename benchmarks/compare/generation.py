"""Clips: what a client adds to the provider's own time, alone, with many at once, and through an outage.

The provider is the emulator at real speed. Clients wait side by side, each at an emulator of its own, so that what else
the machine does meets all of them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from clients import run
from rows import Row

from footage.emulator import Emulator

MODEL, SIZE = "wan2.2-t2v-plus", "832*480"
# Client, seconds, and what else is worth knowing.
Measured = tuple[str, float, str]
ONE_CLIP = ("ours", "sdk", "sdk aio", "sdk v2")
A_LITTLE_MORE_S = (0.0, 1.7, 2.9, 4.1)
SLOTS, CLIP_S = 5, 8.0
# While the provider is down questions are cut off, creates are refused, and a few are taken although nobody is told.
OUTAGE = ("query-reset", "list-reset", "create-503")
TAKEN_IN_AN_OUTAGE = "create-accept-reset"


def one_clip(length_s: float, batches: int, folder: Path) -> Row:
    """Seconds from the end of a clip at the provider until its file is on disk.

    The SDK asks at fixed moments, and whether a clip ends just before or just after one is luck: so clips of a few
    lengths around this one are made, two of them side by side in each batch.
    """
    row = Row(f"one clip of {length_s:g} s and a little more: stored after its end", "s")
    for number in range(batches):
        lengths_s = [length_s + more_s for more_s in A_LITTLE_MORE_S[2 * number : 2 * number + 2]]
        wanted = [(client, _alone(each_s)) for each_s in lengths_s for client in ONE_CLIP]
        with ExitStack() as books:
            for client, emulator, done in _side_by_side(wanted, folder / f"{length_s:g}-{number}", books):
                task = emulator.tasks()[-1]
                ended_at = time.time() - (emulator.health()["now_s"] - task["ended_s"])
                row.add(client, done["stored_at"] - ended_at, f"{_questions(emulator)} questions")
    return row


def many_clips(clips: int, runs: int, folder: Path, sequential: Future[Measured] | None = None) -> Row:
    """Seconds from start to end of a board, imports and start of Prefect's server included.

    `sequential`: what a script took that makes one clip after the other.
    """
    row = Row(f"{clips} clips of {CLIP_S:g} s, {SLOTS} slots: all stored after", "s")
    for number in range(runs):
        for client, took_s, note in _board_of(("ours", "sdk aio"), clips, folder / f"many-{clips}-{number}"):
            row.add(client, took_s, note)
    if sequential is not None:
        row.add(*sequential.result())
    return row


def one_after_the_other(clips: int, folder: Path) -> Measured:
    """The same board by a script that waits for each clip before it orders the next."""
    [measured] = _board_of(("sdk",), clips, folder / f"sequential-{clips}")
    return measured


def _board_of(clients: Sequence[str], clips: int, folder: Path) -> list[Measured]:
    began, measured = time.time(), list[Measured]()
    with ExitStack() as books:
        for client, emulator, done in _side_by_side(
            [(each, _board(clips)) for each in clients], folder, books
        ):
            missing = clips - done["delivered"]
            note = f"{_questions(emulator)} questions" + (f", {missing} missing" if missing else "")
            measured.append((client, done["stored_at"] - began, note))
    return measured


def outage(clips: int, clip_s: float, outage_s: float, after_s: float, folder: Path) -> list[Row]:
    """A board during which the provider is down for a while: what is delivered, and what is bought twice."""
    what = f"{clips} clips of {clip_s:g} s, an outage of {outage_s:g} s"
    delivered = Row(f"{what}: delivered", "clips", more_is_better=True)
    twice = Row(f"{what}: bought twice", "clips")

    def break_down(emulator: Emulator) -> None:
        time.sleep(after_s)
        emulator.fault(TAKEN_IN_AN_OUTAGE, times=3)
        for fault in OUTAGE:
            emulator.fault(fault, times="always")
        time.sleep(outage_s)
        emulator.clear_faults()

    wanted = [(client, _board(clips, clip_s)) for client in ("ours", "sdk aio")]
    with ExitStack() as books:
        for client, emulator, done in _side_by_side(
            wanted, folder / f"outage-{outage_s:g}", books, break_down
        ):
            bought = Counter(str(task["body"]["input"]["prompt"]) for task in emulator.tasks())
            delivered.add(client, done["delivered"])
            twice.add(client, sum(count - 1 for count in bought.values()))
    return [delivered, twice]


def _alone(length_s: float) -> dict[str, Any]:
    return {"generation_s": length_s, "prompts": ["A paper boat sails down a rainy street"]}


def _board(clips: int, clip_s: float = CLIP_S) -> dict[str, Any]:
    prompts = [f"A paper boat passes house number {number}" for number in range(1, clips + 1)]
    return {"generation_s": clip_s, "concurrency": SLOTS, "queue_limit": 1000, "prompts": prompts}


def _side_by_side(
    wanted: list[tuple[str, dict[str, Any]]],
    folder: Path,
    books: ExitStack,
    meanwhile: Callable[[Emulator], None] = lambda _: None,
) -> list[tuple[str, Emulator, dict[str, Any]]]:
    """Each client with its emulator, which runs on as long as `books` are open, and what the client printed."""

    def of(number: int, client: str, work: dict[str, Any]) -> tuple[str, Emulator, dict[str, Any]]:
        knobs = {name: value for name, value in work.items() if name != "prompts"}
        emulator = Emulator(generation_jitter=0.0, render="tiny", render_workers=1, **knobs)
        emulator.start()
        books.callback(emulator.stop)
        order = {
            "base_url": emulator.base_url,
            "api_key": emulator.api_key,
            "model": MODEL,
            "size": SIZE,
            "prompts": work["prompts"],
            "at_once": SLOTS,
            "folder": str(folder / f"{number}-{client.replace(' ', '-')}"),
        }
        with ThreadPoolExecutor(1) as other:
            broken = other.submit(meanwhile, emulator)
            done = run(client, order)
            broken.result()
        return client, emulator, done

    with ThreadPoolExecutor(len(wanted)) as pool:
        started = [pool.submit(of, number, *each) for number, each in enumerate(wanted)]
        return [each.result() for each in started]


def _questions(emulator: Emulator) -> int:
    ledger = emulator.ledger(tasks=False)
    return int(ledger["queries"]) + int(ledger["lists"])
