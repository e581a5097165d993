"""Names that are only looked for, in eight bytes each: a store has a hundred thousand claims, and more tasks ended."""

from __future__ import annotations

import hashlib
import heapq
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import groupby, islice

BYTES_OF_EACH = 8


class HashedNames:
    """A set of names by the beginning of their SHA-256.

    Of 10^13 names that are not in a set of a million, one is said to be in it: a task without a claim would be taken
    for somebody else's, or one that is left to finish for finished.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        hashes = array("Q", map(_hash_of, names))
        self._hashes = _without_repeats(sorted(hashes))

    def __contains__(self, name: str) -> bool:
        wanted = _hash_of(name)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted

    def __len__(self) -> int:
        return len(self._hashes)

    def __or__(self, other: HashedNames) -> HashedNames:
        """Those of both."""
        both = HashedNames()
        both._hashes = _without_repeats(heapq.merge(self._hashes, other._hashes))
        return both

    @classmethod
    def unpacked(cls, packed: bytes) -> HashedNames:
        """What `packed` gave; a rest that is no whole hash is left out."""
        hashes = array("Q", packed[: len(packed) // BYTES_OF_EACH * BYTES_OF_EACH])
        if sys.byteorder == "little":
            hashes.byteswap()
        names = cls()
        names._hashes = _without_repeats(sorted(hashes))
        return names

    def packed(self, most: int | None = None) -> bytes:
        """The hashes in ascending order, big-endian; of more than `most` those that come first."""
        hashes = array("Q", islice(self._hashes, most))
        if sys.byteorder == "little":
            hashes.byteswap()
        return hashes.tobytes()


def _hash_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:BYTES_OF_EACH], "big")


def _without_repeats(ascending: Iterable[int]) -> array[int]:
    return array("Q", (hashed for hashed, _ in groupby(ascending)))
