"""From the drafts of a board to a board of ours: what a person settled, what Wan's models need, what stays doubtful."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from footage.errors import InvalidRequest, Problem
from footage.errors.actions import typed
from footage.privacy.display import shown
from footage.storyboard.read.draft import Draft, Parsed
from footage.storyboard.read.fit import fit
from footage.storyboard.read.mapping import Part
from footage.storyboard.read.settlement import METADATA, Settlement
from footage.storyboard.read.words import is_placeholder


def finish(parsed: Parsed, settlement: Settlement, defaults: Mapping[str, Any]) -> list[Part]:
    """Apply what is settled and fill in what the board leaves open; gives the whole mapping, doubts included.

    Raises:
        InvalidRequest: A shot or a column that a person named is not on the board.
    """
    _check_names(parsed, settlement)
    parsed.defaults.update(defaults)
    parsed.drafts = [draft for draft in parsed.drafts if not settlement.shots.get(draft.id, {}).get("skip")]
    for draft in parsed.drafts:
        said = settlement.shots.get(draft.id, {})
        _set(draft, said)
        # What is doubtful of the value that a person said is asked, too.
        draft.parts = [part for part in draft.parts if part.field not in said]
        _require_text(draft, parsed.defaults, written="prompt" in said)
        # Once for what the board says, once more because a model may have been doubted, too.
        fit(draft, parsed.defaults)
    # Without a look at whether its shot is there: a doubt that got lost would be bought.
    parts = [
        part
        for part in parsed.parts
        if not (part.field == "shots" and "skip" in settlement.shots.get(part.shot_id or "", {}))
    ]
    settled = [part for part in parts if not (part.sureness == "guessed" and _is_settled(part, settlement))]
    # What is doubtful about a shot matters once it is known to be one.
    perhaps_none = {part.shot_id for part in settled if part.leaves_out}
    if settlement.accept_guesses:
        parsed.drafts = [draft for draft in parsed.drafts if draft.id not in perhaps_none]
    return [
        *settled,
        *(part for draft in parsed.drafts if draft.id not in perhaps_none for part in draft.parts),
    ]


def _is_settled(part: Part, settlement: Settlement) -> bool:
    """Whether a person said what a column is, to the unit where that is the question."""
    said = settlement.of(part.source)
    if said is None:
        return False
    return said[0] == METADATA or part.field != "duration" or said[1] is not None


def _check_names(parsed: Parsed, settlement: Settlement) -> None:
    ids: Collection[str] = [draft.id for draft in parsed.drafts]
    unknown = [shot for shot in settlement.shots if shot not in ids]
    if unknown:
        allowed = ", ".join(list(ids)[:20])
        raise InvalidRequest(
            problems=tuple(
                Problem("set", shown(shot), "no shot of the board has this id", allowed) for shot in unknown
            )
        )
    if parsed.shape and (
        lost := [name for name in settlement.columns if name not in parsed.shape and not _near(name, parsed)]
    ):
        allowed = ", ".join(parsed.shape)
        raise InvalidRequest(
            problems=tuple(
                Problem("map", shown(name), "the board has no such column", allowed) for name in lost
            )
        )


def _near(name: str, parsed: Parsed) -> bool:
    from footage.storyboard.read.words import plain

    return plain(name) in {plain(column) for column in parsed.shape}


def _set(draft: Draft, said: Mapping[str, Any]) -> None:
    for field, value in said.items():
        if field == "skip":
            continue
        draft.fields[field] = value
        if field == "size":
            draft.tier = None
        if value is None:
            del draft.fields[field]


def _require_text(draft: Draft, defaults: Mapping[str, Any], *, written: bool) -> None:
    text = draft.fields.get("prompt")
    doubted = any(part.field == "prompt" for part in draft.parts)
    if isinstance(text, str) and is_placeholder(text) and not written and not doubted:
        draft.doubt(
            "prompt", None, "prompt", text, "it only stands for a text",
            others=(typed("--set", f"{draft.id}.prompt=TEXT"), typed("--set", f"{draft.id}.skip=true")),
            acceptable=False,
        )  # fmt: skip
        return
    if str(draft.fields.get("prompt") or defaults.get("prompt") or "").strip():
        return
    if doubted:
        return
    draft.doubt(
        "prompt", None, "nothing", "", "nothing says what this shot shows; framing and movement are no text",
        others=(
            typed("--set", f"{draft.id}.prompt=TEXT"), typed("--set", f"{draft.id}.skip=true"),
            "--map COLUMN=description",
        ),
        acceptable=False,
    )  # fmt: skip
