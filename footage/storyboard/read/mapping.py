"""How a board is read: which of its parts becomes which field, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from footage.errors import InvalidRequest, Problem
from footage.errors.actions import Action, NextStep, ReadBoard
from footage.privacy.display import shown

# known: the format says so. evident: one possibility, and a check agrees. guessed: a person has to say.
Sureness = Literal["known", "evident", "guessed"]

NO_SHOT = "no shot"

# More options than these are no command that anybody reads.
_MAX_OPTIONS = 24


@dataclass(frozen=True)
class Part:
    """One part of a mapping: a column, a field of another tool, an encoding, or one shot's value."""

    source: str
    field: str
    sureness: Sureness
    why: str
    shot_id: str | None = None
    values: tuple[str, ...] = ()
    becomes: str = ""
    # What else it could be, in words.
    others: tuple[str, ...] = ()
    # Options of the command that settle it as `becomes` says; empty: only a person knows how.
    settle: tuple[str, ...] = ()
    # False where there is nothing to accept: a shot without text, a picture that is not there.
    acceptable: bool = True

    @property
    def leaves_out(self) -> bool:
        """Whether it asks if its shot is made at all, and shows it as none."""
        return self.sureness == "guessed" and self.field == "shots" and self.becomes == NO_SHOT

    @property
    def name(self) -> str:
        return f"shots[{self.shot_id}].{self.field}" if self.shot_id is not None else self.field


def samples(values: Iterable[object], count: int = 3) -> tuple[str, ...]:
    """The first different values, as they may be shown."""
    return tuple(dict.fromkeys(shown(value) for value in values))[:count]


def refusal(parts: Sequence[Part], board: str, said: Sequence[str] = ()) -> InvalidRequest:
    """The refusal of a board for what is guessed in it, with the mapping as a table and how to settle it."""
    count = "1 thing is" if len(parts) == 1 else f"{len(parts)} things are"
    message = f"{board}: {count} not certain enough to buy anything; nothing was bought.\n{table_of(parts)}"
    return InvalidRequest(
        message,
        problems=tuple(_problem(part) for part in parts),
        next_step=_next_step(parts, board, said),
        mapping=[asdict(part) for part in parts],
        suggestion=suggestion(parts),
    )


def _problem(part: Part) -> Problem:
    value = ", ".join(part.values) or "(nothing)"
    return Problem(part.name, value, part.why, "; ".join((*part.settle[:2], *part.others)) or None)


def suggestion(parts: Sequence[Part]) -> list[str]:
    """The options of the command that settle all of these; `--accept-guesses` where they would be too many."""
    options: list[str] = []
    for part in parts:
        if not all(option in options for option in part.settle):
            options += part.settle
    if len(options) > _MAX_OPTIONS and all(part.acceptable for part in parts):
        return ["--accept-guesses"]
    return options


def _next_step(parts: Sequence[Part], board: str, said: Sequence[str]) -> NextStep:
    steps: list[str | Action] = []
    if options := suggestion(parts):
        steps.append(ReadBoard(board, (*options, *said)))
    if open_parts := [part for part in parts if not part.settle]:
        named = ", ".join(dict.fromkeys(part.name for part in open_parts[:5]))
        steps.append(
            f"say what {named} should be: "
            + "; ".join(dict.fromkeys(o for p in open_parts for o in p.others))
        )
    if all(part.acceptable for part in parts) and "--accept-guesses" not in options:
        steps.append("or take all of it as it stands: --accept-guesses")
    steps.append("--save-map keeps the answers beside the board; --dry-run shows every shot first")
    lines = [part for step in steps for part in ("\n    ", step)]
    return NextStep.of(*lines[1:])


_HEADS = ("column", "values", "would become", "doubtful because")
_WIDTHS = (24, 48, 34, 100)
_OTHER_WIDTH = 160


def table_of(parts: Sequence[Part]) -> str:
    """Parts of a mapping as a plain table, each cell on one line, what else it could be on lines of their own."""
    rows = [
        (
            part.source if part.shot_id is None else f"{part.source} of {part.shot_id}",
            " | ".join(part.values),
            f"{part.field} {part.becomes}".strip() if part.becomes else part.field,
            part.why,
        )
        for part in parts
    ]
    cells = [tuple(map(_cut, row, _WIDTHS)) for row in (_HEADS, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADS))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    table = [lines[0]]
    for line, part in zip(lines[1:], parts, strict=True):
        table += [line, *(f"      or else: {_cut(other, _OTHER_WIDTH)}" for other in part.others)]
    return "\n".join(table)


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def as_rows(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Parts of a mapping as plain data, for JSON."""
    return [asdict(part) for part in parts]


def part_of(row: dict[str, Any]) -> Part:
    """A part from its plain data."""
    plain: dict[str, Any] = dict(row)
    for key in ("values", "others", "settle"):
        plain[key] = tuple(row[key])
    return Part(**plain)
