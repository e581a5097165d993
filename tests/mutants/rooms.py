"""Which tests try the mutants of which module (`rooms.toml`), and which mutants a sample has."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant, mutants_of

_MAP = Path(__file__).with_name("rooms.toml")


@dataclass(frozen=True)
class Room:
    """Source files that are mutated, and for the name of each module its tests, fastest first."""

    name: str
    sources: str
    tests: dict[str, tuple[str, ...]]

    def files(self, root: Path) -> list[str]:
        found = [str(file.relative_to(root)) for file in sorted(root.glob(self.sources))]
        return [file for file in found if Path(file).name != "__init__.py"]

    def tests_of(self, path: str) -> tuple[str, ...]:
        return self.tests[Path(path).stem]


def read_rooms() -> list[Room]:
    tables = tomllib.loads(_MAP.read_text())
    return [
        Room(
            name,
            table["sources"],
            {
                module: tuple(f"tests/footage/{test}" for test in tests)
                for module, tests in table["tests"].items()
            },
        )
        for name, table in tables.items()
    ]


def sample(
    everything: dict[str, list[Mutant]], seed: int, size: int, least_per_room: int = 40
) -> dict[str, list[Mutant]]:
    """`size` of the mutants of each room: `least_per_room` (or all that it has), and the rest in proportion.

    Whether a mutant is taken hangs on the seed and its own id, so that a change elsewhere hardly changes a sample,
    and a small sample is part of the larger ones.
    """
    counts = _shares({room: len(mutants) for room, mutants in everything.items()}, size, least_per_room)
    return {
        room: sorted(mutants, key=lambda mutant: _rank(seed, mutant))[: counts[room]]
        for room, mutants in everything.items()
    }


def mutants_in(room: Room, root: Path) -> list[Mutant]:
    return [mutant for path in room.files(root) for mutant in mutants_of(path, root)]


def _shares(available: dict[str, int], size: int, least_per_room: int) -> dict[str, int]:
    least = min(least_per_room, size // len(available))
    rest, total = size - least * len(available), sum(available.values())
    counts = {room: min(count, least + rest * count // total) for room, count in available.items()}
    # What the division and the rooms with too few leave over.
    largest = max(available, key=lambda room: available[room])
    counts[largest] += min(size - sum(counts.values()), available[largest] - counts[largest])
    return counts


def _rank(seed: int, mutant: Mutant) -> str:
    return hashlib.sha256(f"{seed}:{mutant.id}".encode()).hexdigest()
