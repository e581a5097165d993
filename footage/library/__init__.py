"""The clips of a store, found by what is known of them: words of the prompt, model, date, board, state.

    evidence ─► LibraryClip ─► ClipIndex (a cache of this user, never the truth) ─► ClipQuery ─► FoundClips

What is told comes from the evidence. The index only spares reading again what cannot change any more, and is made anew
where it is gone, damaged or of another release.
"""

from footage.library.library_clip import LIBRARY_STATES, BoardTake, LibraryClip, LibraryState, state_named
from footage.library.search import ClipQuery, FoundClips, find_clips

__all__ = [
    "LIBRARY_STATES",
    "BoardTake",
    "ClipQuery",
    "FoundClips",
    "LibraryClip",
    "LibraryState",
    "find_clips",
    "state_named",
]
