"""How each shot of a board is tied to the others: by references, by a clip that goes on, or by a last frame.

A board says what belongs together, and the model of each shot decides what can be done with that: wan3.0-video takes
the board's characters as references, the seven take a first frame and nothing else. What a model cannot do falls back
to the last frame of the shot before, as far as the shot has one, and what is used is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from footage.catalogue import ModelCard, offered_models
from footage.errors import Problem
from footage.privacy.display import shown
from footage.request import Reference, VideoRequest
from footage.storyboard import graph
from footage.storyboard.board import Board, Character, Shot

# A clip is up to so much longer than was asked for; whether it may go on is decided before it is there.
LONGER_S = 0.5


@dataclass(frozen=True)
class Tied:
    """A board whose shots ask for what their models can do, and in words how each is tied."""

    board: Board
    words: dict[str, str]


def tie(board: Board) -> Tied:
    """Decide for each shot what of its ties is used; a board without any stays as it is."""
    shots: list[Shot] = []
    words: dict[str, str] = {}
    for place, shot in enumerate(board.shots):
        draft = _Draft(board, shot, graph.source_of(board.shots, place, shot))
        draft.use_characters()
        draft.use_last_frame()
        draft.continue_clip()
        shots.append(draft.tied())
        words[shot.id] = draft.in_words()
    if all(one is other for one, other in zip(shots, board.shots, strict=True)):
        return Tied(board, words)
    return Tied(board.model_copy(update={"shots": tuple(shots)}), words)


def character_problems(board: Board) -> list[Problem]:
    """Shots that name a character which the board does not have, or have references besides."""
    found: list[Problem] = []
    known = ", ".join(board.characters) or "none on this board"
    for shot in board.shots:
        for name in shot.characters:
            if name not in board.characters:
                message = "There is no such character on the board."
                found.append(Problem(f"shots[{shot.id}].characters", shown(name), message, known))
        if len(set(shot.characters)) < len(shot.characters):
            message = "A character is named twice."
            found.append(Problem(f"shots[{shot.id}].characters", ", ".join(shot.characters), message))
        if shot.characters and board.asked(shot).get("references"):
            message = "A shot has characters or references of its own, not both."
            found.append(Problem(f"shots[{shot.id}].references", "given", message))
    return found


class _Draft:
    """One shot on its way to what its model can do."""

    def __init__(self, board: Board, shot: Shot, source: str | None) -> None:
        self._board = board
        self._shot = shot
        self._asked = board.asked(shot)
        name = self._asked.get("model", VideoRequest.model_fields["model"].default)
        self._card = offered_models().get(name) if isinstance(name, str) else None
        self._source = source
        self._changes: dict[str, Any] = {}
        self._start_from = shot.start_from
        self._used: list[str] = []
        self._why: list[str] = []

    @property
    def _continues(self) -> bool:
        return graph.continues(self._shot) and self._start_from != "none"

    def use_characters(self) -> None:
        """Make references of the characters, where the model takes some beside what the shot begins with."""
        names = self._shot.characters
        if not names or self._card is None or not set(names) <= self._board.characters.keys():
            return
        named, limits = ", ".join(names), self._card.references
        if limits is None:
            self._why.append(f"{self._card.name} takes no references, so {named} are not sent")
            return
        if self._asked.get("reference_image") is not None and not limits.with_first_frame:
            self._why.append(f"{self._card.name} takes a first frame or references, so {named} are not sent")
            return
        if self._start_from != "none" and not limits.with_first_frame and not self._goes_on():
            self._why.append(f"{self._card.name} takes frames or references, so no frame of {self._source}")
            self._start_from = "none"
        people = [self._board.characters[name] for name in names]
        clips_before = int(self._goes_on())
        references, told = _references(names, people, self._card, clips_before)
        prompt = str(self._asked.get("prompt", ""))
        self._changes |= {"references": references, "prompt": f"{told} {prompt}"}
        self._used.append(f"references: {named}")

    def use_last_frame(self) -> None:
        """Leave out a last frame that the model does not take, unless the board is strict."""
        if self._asked.get("last_frame") is None or self._card is None:
            return
        limits = self._card.references
        beside_references = limits is None or limits.with_first_frame or "references" not in self._changes
        if self._card.last_frame and beside_references:
            self._used.append("a last frame of its own")
        elif not self._asked.get("strict"):
            self._changes["last_frame"] = None
            beside = "" if beside_references else " beside references"
            self._why.append(f"{self._card.name} takes no last frame{beside}, so it ends as it likes")

    def continue_clip(self) -> None:
        """Go on from the clip itself where the film then has no second time what it had before."""
        if self._source is None or self._start_from == "none":
            return
        if not self._continues:
            self._used.insert(0, f"the last frame of {self._source}")
            return
        if self._goes_on():
            self._start_from = f"clip:{self._source}"
            self._used.insert(0, f"goes on from the clip of {self._source}")
            return
        self._start_from = f"shot:{self._source}"
        self._used.insert(0, f"the last frame of {self._source}")
        self._why.append(self._why_not() if self._card else "its model is not known")

    def _goes_on(self) -> bool:
        return self._continues and self._card is not None and not self._why_not()

    def _why_not(self) -> str:
        """Why a shot does not go on from the clip itself; empty where it does."""
        card = self._card
        if card is None or card.continues_as is None:
            return f"{card.name if card else 'it'} does not go on from a clip"
        if card.continues_as == "first_clip":
            return f"what {card.name} makes begins with the clip again"
        if self._asked.get("last_frame") is not None:
            return f"{card.name} takes a last frame beside a first one alone"
        before_s, own_s = self._seconds_of_source(), self._asked.get("duration", 5)
        if before_s is None or not isinstance(own_s, int | float):
            return "a length is not known"
        most_s = min(card.continued_s[1], (card.total_max_s or 1_000) - own_s)
        return f"the clip of {self._source} is too long for that" if before_s + LONGER_S > most_s else ""

    def _seconds_of_source(self) -> float | None:
        source = next((shot for shot in self._board.shots if shot.id == self._source), None)
        length = self._board.asked(source).get("duration", 5) if source is not None else None
        return float(length) if isinstance(length, int | float) and length > 0 else None

    def tied(self) -> Shot:
        """The shot as it is asked for."""
        if not self._changes and self._start_from == self._shot.start_from:
            return self._shot
        request = {**self._shot.request, **self._changes}
        return self._shot.model_copy(update={"request": request, "start_from": self._start_from})

    def in_words(self) -> str:
        """How it is tied, and what of its ties is not used."""
        own = "a first frame of its own" if self._asked.get("reference_image") is not None else "nothing"
        used = " and ".join(self._used) or own
        return f"{used} ({'; '.join(self._why)})" if self._why else used


def _references(
    names: Iterable[str], people: list[Character], card: ModelCard, clips_before: int
) -> tuple[list[dict[str, str]], str]:
    """The references of some characters, and the sentences that tell the model which is whose."""
    limits = card.references
    counts = {"Image": 0, "Video": clips_before, "Audio": 0}
    found: list[Reference] = []
    told: list[str] = []
    for number, (name, person) in enumerate(zip(names, people, strict=True), start=1):
        kind, word = ("image", "Image") if person.image is not None else ("video", "Video")
        counts[word] += 1
        found.append(Reference(kind=kind, source=str(person.image or person.video)))  # pyright: ignore[reportArgumentType]
        character = limits is not None and limits.named == "character"
        sentence = f"{name} is {f'character{number}' if character else f'{word} {counts[word]}'}"
        if person.voice is not None and limits is not None and limits.voices:
            found.append(Reference(kind="voice", source=person.voice))
            if not limits.voice_of_item:
                counts["Audio"] += 1
                sentence += f" with the voice of Audio {counts['Audio']}"
        told.append(f"{sentence}.")
    return [one.model_dump() for one in found], " ".join(told)
