"""Shots that the board itself leaves out: some for certain, others asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from footage.errors.actions import typed
from footage.storyboard.guesses import Guess
from footage.storyboard.read import not_shots
from footage.storyboard.read.draft import Parsed
from footage.storyboard.read.mapping import NO_SHOT, Part, samples


def take_out(parsed: Parsed) -> None:
    """Leave out of a board of another tool what it says it leaves out, and doubt what it perhaps does."""
    rows = [draft.row for draft in parsed.drafts]
    kept, _, out, doubts = sorted_out(
        rows, [(draft.id, None) for draft in parsed.drafts], not_shots.partly_made(rows)
    )
    made = set(map(id, kept))
    parsed.drafts = [draft for draft in parsed.drafts if id(draft.row) in made]
    parsed.guesses += out
    parsed.parts += doubts


def sorted_out(
    rows: Sequence[Mapping[str, Any]], ids: Sequence[tuple[str, str | None]], marked: Sequence[str]
) -> tuple[list[Mapping[str, Any]], list[tuple[str, str | None]], list[Guess], list[Part]]:
    """The shots that the board does not say are left out; where a word can mean that, it is doubted."""
    kept: list[tuple[Mapping[str, Any], tuple[str, str | None]]] = []
    out: list[Guess] = []
    doubts: list[Part] = []
    for row, name in zip(rows, ids, strict=True):
        said = not_shots.taken_out(row, marked)
        if said is not None and said[1]:
            out.append(Guess(None, "shots", said[0], None, f"{name[0]} is left out: {row[said[0]]}"))
            continue
        if said is not None:
            doubts.append(
                Part(
                    said[0],
                    "shots",
                    "guessed",
                    "it can mean that this shot is not to be made",
                    name[0],
                    samples([dict(not_shots.with_inner(row)).get(said[0], "")]),
                    NO_SHOT,
                    others=(typed("--set", f"{name[0]}.skip=false"),),
                    settle=("--set", f"{name[0]}.skip=true"),
                )
            )
        kept.append((row, name))
    return [row for row, _ in kept], [name for _, name in kept], out, doubts
