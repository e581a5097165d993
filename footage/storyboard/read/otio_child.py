"""OpenTimelineIO in a bounded child process: it is C++, and a crafted file ends the process that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footage.child import Bounds, ChildError, call
from footage.errors import InvalidRequest
from footage.storyboard.guesses import Guess
from footage.storyboard.read.draft import Draft, Parsed
from footage.storyboard.read.mapping import as_rows, part_of
from footage.storyboard.read.plain_data import unreadable

# A timeline of 2,000 clips takes 1 s and 60 MB.
_BOUNDS = Bounds(wall_s=60, processor_s=5, data_bytes=190 << 20)


def read(text: str, base: Path | None, *, name: str) -> Parsed:
    """What `otio_file.read` makes of the text.

    Raises:
        InvalidRequest: It cannot be read, or reading it passes the bounds.
    """
    try:
        answer, _ = call(
            f"{__name__}:parsed",
            _BOUNDS,
            data=text.encode(),
            name=name,
        )
    except ChildError as error:
        raise unreadable(f"OpenTimelineIO cannot read it: {error.reason}", name=name) from error
    if "refused" in answer:
        raise unreadable(answer["refused"], name=name)
    return Parsed(
        format=answer["format"],
        drafts=[_draft(given, base) for given in answer["drafts"]],
        title=answer["title"],
        defaults=answer["defaults"],
        metadata=answer["metadata"],
        guesses=[Guess(*guess) for guess in answer["guesses"]],
    )


def parsed(data: bytes, *, name: str) -> dict[str, Any]:
    """In the child: the text as a board of another tool, as JSON."""
    from footage.storyboard.read import otio_file

    try:
        found = otio_file.read(data.decode(), name=name)
    except InvalidRequest as error:
        return {"refused": error.problems[0].message}
    return {
        "format": found.format,
        "title": found.title,
        "defaults": found.defaults,
        "metadata": found.metadata,
        "guesses": _plain(found.guesses),
        "drafts": [
            vars(draft) | {"guesses": _plain(draft.guesses), "parts": as_rows(draft.parts)}
            for draft in found.drafts
        ],
    }


def _draft(given: dict[str, Any], base: Path | None) -> Draft:
    draft = Draft(given["id"], given["row"])
    guesses = [Guess(*guess) for guess in given["guesses"]]
    vars(draft).update(given, guesses=guesses, parts=[part_of(part) for part in given["parts"]])
    # Looked up here and not in the child, which does not know below which folders pictures may lie.
    if isinstance(image := draft.fields.pop("reference_image", None), str):
        draft.first_frame("reference_image", image, base)
    return draft


def _plain(guesses: list[Guess]) -> list[list[Any]]:
    return [[guess.shot_id, guess.field, guess.taken_from, guess.value, guess.why] for guess in guesses]
