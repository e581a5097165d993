"""Mutation testing: change one thing in the code, and see whether a test notices (`make mutants`).

    python tests/mutants/ring.py --sample 600 [--seed 1] [--at-least 90]
    python tests/mutants/ring.py --all
    python tests/mutants/ring.py --only footage/steps/poll.py

Results are kept in `.mutants/results.jsonl`, so that an interrupted run goes on where it was: what was killed stays
killed, what survived is tried again once its tests have changed. Delete the folder to begin anew.

Mutants are mutmut's, but the driver is ours, because mutmut's own leaves tables and properties alone, runs the whole
suite once before the first mutant, draws no sample, and believes a test that fails once on a busy machine; and
cosmic-ray's operators, tried as well, find every second of their changes in annotations, and none in calls.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import queue
import random
import sys
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mutants import Mutant, mutants_of
from rooms import Room, mutants_in, read_rooms, sample
from trial import Tree

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".mutants" / "results.jsonl"
SURVIVORS = Path(__file__).with_name("survivors.toml")


def main() -> int:
    """Exit code 1 if fewer were killed than asked for."""
    asked = _arguments()
    rooms = {room.name: room for room in read_rooms()}
    chosen = _chosen(asked, rooms)
    known = _known()
    open_ = [
        (rooms[room], mutant)
        for room, mutants in chosen.items()
        for mutant in mutants
        if not _settled(known.get(mutant.id), rooms[room].tests_of(mutant.path))
    ]
    # So that what was tried so far is always a sample of all rooms, too.
    random.Random(asked.seed).shuffle(open_)
    print(f"{sum(map(len, chosen.values()))} mutants, {len(open_)} of them to be tried", flush=True)
    _try_all(open_, asked.jobs)
    return _report(chosen, _known(), asked.at_least)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--sample", type=int, metavar="N")
    which.add_argument("--all", action="store_true")
    which.add_argument("--only", metavar="FILE", help="all mutants of one file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--at-least", type=float, default=90, metavar="PERCENT")
    return parser.parse_args()


def _chosen(asked: argparse.Namespace, rooms: dict[str, Room]) -> dict[str, list[Mutant]]:
    if asked.only:
        name = next(name for name, room in rooms.items() if asked.only in room.files(ROOT))
        return {name: mutants_of(asked.only, ROOT)}
    everything = {name: mutants_in(room, ROOT) for name, room in rooms.items()}
    return everything if asked.all else sample(everything, asked.seed, asked.sample)


def _try_all(open_: list[tuple[Room, Mutant]], jobs: int) -> None:
    trees: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    made = [Tree(ROOT) for _ in range(min(jobs, len(open_)))]
    for tree in made:
        trees.put(tree)

    def try_one(room: Room, mutant: Mutant) -> None:
        tree, tests = trees.get(), room.tests_of(mutant.path)
        try:
            trial = tree.try_mutant(mutant, tests)
        finally:
            trees.put(tree)
        _keep({"room": room.name, **asdict(mutant), **asdict(trial), "tests": _digest(tree.copy, tests)})

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for future in [pool.submit(try_one, room, mutant) for room, mutant in open_]:
            future.result()
    for test in sorted(set[str]().union(*(tree.unsteady for tree in made))):
        print(f"unsteady, not counted: {test}")
    for tree in made:
        tree.close()


def _keep(result: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(result, ensure_ascii=False) + "\n")
    print(f"{time.strftime('%H:%M:%S')} {_line(result)}", flush=True)


def _line(result: dict[str, Any]) -> str:
    place = f"{result['path']}:{result['line']} {result['function']}"
    times = f"{result['wall_s']:.0f} s, {result['cpu_s']:.0f} s of CPU"
    return (
        f"{result['outcome']:8} {result['id']} {place} | {result['change']} | {result['by'] or ''} ({times})"
    )


def _known() -> dict[str, dict[str, Any]]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {result["id"]: result for result in map(json.loads, lines)}


def _settled(result: dict[str, Any] | None, tests: tuple[str, ...]) -> bool:
    return result is not None and (result["outcome"] != "survived" or result["tests"] == _digest(ROOT, tests))


def _digest(root: Path, tests: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for test in tests:
        digest.update((root / test).read_bytes())
    return digest.hexdigest()[:12]


def _report(chosen: dict[str, list[Mutant]], known: dict[str, dict[str, Any]], at_least: float) -> int:
    judged = {entry["id"]: entry for entry in tomllib.loads(SURVIVORS.read_text())["survivor"]}
    results = {room: [known[mutant.id] for mutant in mutants] for room, mutants in chosen.items()}
    everything = [result for found in results.values() for result in found]
    print("\nroom       mutants  mistyped  killed  timeout  survived  by tests  CPU per mutant")
    for name, found in [*results.items(), ("all", everything)]:
        print(f"{name:10} {_figures(found)}")
    survivors = [result for result in everything if result["outcome"] == "survived"]
    equivalent = sum(judged.get(result["id"], {}).get("judgement") == "equivalent" for result in survivors)
    caught = 100 * (1 - len(survivors) / len(everything))
    print(f"caught by the type checker or the tests: {caught:.1f} %; by tests, of the well-typed: ", end="")
    print(f"{_by_tests(everything):.1f} %; {equivalent} of {len(survivors)} survivors are judged equivalent")
    for result in survivors:
        if result["id"] not in judged:
            print(f"not judged: {_line(result)}")
    return 0 if caught >= at_least else 1


def _figures(results: list[dict[str, Any]]) -> str:
    counts = Counter(result["outcome"] for result in results)
    cpu_s = sum(result["cpu_s"] for result in results) / len(results)
    return (
        f"{len(results):7} {counts['mistyped']:9} {counts['killed']:7} {counts['timeout']:8} "
        f"{counts['survived']:9} {_by_tests(results):7.1f} % {cpu_s:8.1f} s"
    )


def _by_tests(results: list[dict[str, Any]]) -> float:
    """Of the well-typed, how many percent tests caught."""
    counts = Counter(result["outcome"] for result in results)
    return 100 * (1 - counts["survived"] / max(1, len(results) - counts["mistyped"]))


if __name__ == "__main__":
    sys.exit(main())
