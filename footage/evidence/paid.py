"""What was paid, told from the evidence: the kind of an error does not tell what was bought before it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each
from footage.errors import StorageProblem, Unreachable
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.values.counted import counted

if TYPE_CHECKING:
    from footage.evidence.state import Attempt, ClipState
    from footage.storage import Store

NOTHING = "nothing"
_STORED = "yes, and nothing is bought again"
_NOT_TOLD = "not known, because the store does not tell; nothing is bought a second time"


def paid(state: ClipState) -> str:
    """What a clip costs so far, in words for a person."""
    # What an attempt cost is not given back by a later one that cost nothing.
    words = (_paid_for(attempt) for attempt in reversed(state.attempts))
    return next((told for told in words if told != NOTHING), NOTHING)


def _paid_for(attempt: Attempt) -> str:
    if attempt.unknown:
        return "not known yet; nothing is bought a second time without a person's word"
    if attempt.outcome is None:
        return "not yet; it stays booked, is billed once it is rendered, and nothing is bought again"
    match attempt.outcome.status, attempt.ended and attempt.ended.status:
        case "succeeded", "lost":
            return "yes, and the result can no longer be fetched"
        case _, "succeeded":
            return _STORED
        case _, "lost":
            return "perhaps; the provider's bill tells"
        case "abandoned", None:
            return "yes, once it is rendered; harvest collects it"
        case _:
            return NOTHING


def paid_by_run(store: Store, run_id: str) -> str:
    """What the clips cost so far that a run works on, in words for a person."""
    prefix = f"runs/{run_id}/"
    try:
        keys = [name[len(prefix) :] for name in store.list(prefix)]
        return paid_for(store, [key for key in keys if is_key(key)])
    except StorageProblem:
        return _NOT_TOLD


def paid_for(store: Store, keys: Iterable[str]) -> str:
    """What these clips cost so far, in words for a person."""
    try:
        words = Counter(call_each(partial(_paid_of, store), keys, STORE_CALLS_AT_ONCE))
    except StorageProblem:
        return _NOT_TOLD
    if words.total() <= 1 or set(words) == {NOTHING}:
        return next(iter(words), NOTHING)
    return "; ".join(f"{counted(count, 'clip')}: {told}" for told, count in words.items())


def _paid_of(store: Store, key: str) -> str:
    """What one clip costs so far; a finished one is told by one listing, as is one that nobody tried to buy."""
    evidence = ClipEvidence(store, key, keep=True)
    names = evidence.files.list()
    if f"{evidence.folder}/result.json" in names:
        return _STORED
    return paid(evidence.state(seen_within_s=math.inf))


def with_what_is_booked(error: Unreachable, store: Store, keys: Iterable[str]) -> Unreachable:
    """The error that says whether something of these clips is bought, or may be: that decides its exit code."""
    told = paid_for(store, keys)
    if told == NOTHING:
        return error
    error.details["paid"] = told
    return error.booked()
