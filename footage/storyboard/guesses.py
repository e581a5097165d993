"""What a reader had to guess, so that nobody finds out from the finished film."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guess:
    """One value that was not said outright: where it was taken from and why it was taken."""

    shot_id: str | None  # None: it concerns the whole board
    field: str
    taken_from: str
    value: Any
    why: str

    def __str__(self) -> str:
        where = f"shot {self.shot_id}" if self.shot_id is not None else "board"
        value = str(self.value)
        shown = value if len(value) <= 60 else value[:59] + "…"
        return f"{where}: {self.field} = {shown!r} from {self.taken_from}: {self.why}"


def grouped(guesses: Iterable[Guess]) -> list[str]:
    """The guesses for people: the same guess on many shots is one line that names how many."""
    groups: dict[tuple[str, str, str], list[Guess]] = {}
    for guess in guesses:
        groups.setdefault((guess.field, guess.why, guess.taken_from), []).append(guess)
    lines: list[str] = []
    for same in groups.values():
        ids = [guess.shot_id for guess in same if guess.shot_id is not None]
        if len(ids) > 1:
            named = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
            lines.append(
                f"{len(ids)} shots ({named}): {same[0].field} from {same[0].taken_from}: {same[0].why}"
            )
        else:
            lines.append(str(same[0]))
    return lines
