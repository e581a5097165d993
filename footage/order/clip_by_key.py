"""A clip that was ordered before, asked for by its key."""

from __future__ import annotations

from dataclasses import dataclass

from footage.values.money import Amount


@dataclass(frozen=True, slots=True)
class ClipByKey:
    """The key, and what whoever asks for the clip says about its purchase, where it is not bought yet."""

    key: str
    # None: where its first order was asked for, else the region of the API key.
    region: str | None = None
    # The most that it may cost.
    max_cost: Amount | None = None
