"""Which clips a store has and how far they came, told by the names of their evidence files alone."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from footage.errors import StorageProblem
from footage.evidence.clip_evidence import is_key

if TYPE_CHECKING:
    from footage.storage import Store

# In place of a clip's file names where its folder cannot be listed.
UNREADABLE = "?"

# Also one whose folder is a link, which is not looked into.
_ATTEMPT = re.compile(r"attempt-([1-9][0-9]{0,4})(?:/|\Z)")
_FOUND = re.compile(r"attempt-[1-9][0-9]{0,4}/found-(.+)\.json")
_BEGINNING = re.compile(r"[0-9a-f]{0,63}")
_SETTLEMENT = re.compile(r"settlement(?:-([1-9][0-9]{0,4}))?\.json")


def keys_in(store: Store, beginning: str = "") -> dict[str, set[str]]:
    """Every clip of the store with the names of its evidence files; UNREADABLE where they cannot be listed.

    With `beginning` those whose key begins like that; nothing else is asked for.
    """
    if is_key(beginning):
        own = names_of(store, beginning)
        return {beginning: own} if own else {}
    if not _BEGINNING.fullmatch(beginning):
        return {}
    try:
        names = store.list_beginning("evidence/", beginning) if beginning else store.list("evidence/")
    except StorageProblem:
        # One folder that cannot be listed must not hide the others.
        keys = [key for key in store.folders("evidence/") if is_key(key) and key.startswith(beginning)]
        return {key: names_of(store, key) for key in keys}
    found: dict[str, set[str]] = {}
    for name in names:
        parts = name.split("/", 2)
        if len(parts) == 3 and is_key(parts[1]):
            found.setdefault(parts[1], set()).add(parts[2])
        elif len(parts) == 2 and is_key(parts[1]):
            # A link in the place of its folder, or a file.
            found[parts[1]] = names_of(store, parts[1])
    return found


def names_of(store: Store, key: str) -> set[str]:
    """The names of one clip's evidence files; UNREADABLE where they cannot be listed."""
    prefix = f"evidence/{key}/"
    try:
        return {name.removeprefix(prefix) for name in store.list(prefix)}
    except StorageProblem:
        return {UNREADABLE}


def unfinished(names: set[str]) -> bool:
    """Whether the files of one clip show a purchase without a result; may err towards True."""
    return "result.json" not in names and any(
        name.startswith("attempt-") or name == UNREADABLE for name in names
    )


def unbooked(names: Collection[str]) -> bool:
    """Whether a clip with these files may have an attempt without receipt and outcome; may err towards True."""
    return "result.json" not in names and (
        UNREADABLE in names
        or any(
            f"attempt-{number}/receipt.json" not in names and f"attempt-{number}/outcome.json" not in names
            for number in attempts_in(names)
        )
    )


def attempts_in(names: Collection[str]) -> list[int]:
    """The numbers of a clip's attempts, the last one first."""
    found = {int(match[1]) for name in names if (match := _ATTEMPT.match(name))}
    return sorted(found, reverse=True)


def tasks_in(names: Collection[str]) -> set[str]:
    """The tasks that were found for a clip's attempts, claimed or not: each is noted before its receipt is written."""
    return {match[1] for name in names if (match := _FOUND.fullmatch(name))}


def last_word_in(names: Collection[str], attempt: int) -> str | None:
    """The file that has the last word about the end of an attempt; None where nothing was said yet."""
    folder = f"attempt-{attempt}/"
    settlements = [
        (int(match[1] or 1), name)
        for name in names
        if name.startswith(folder) and (match := _SETTLEMENT.fullmatch(name, len(folder)))
    ]
    if settlements:
        return max(settlements)[1]
    return name if (name := f"{folder}outcome.json") in names else None
