"""`wan-video keep`."""

from __future__ import annotations

from flows.cli.verdicts import GivenFlags, give_verdict


def keep(board: str, shot: str, take: str, /, *, flags: GivenFlags = None) -> int:
    """Call a take of a shot good; it is not rejected, and no longer the pick.

    Args:
        board: The board's file, or the name of its folder in the store.
        shot: Id of the shot.
        take: Number of the take, or the beginning of its key; wan-video takes has both.
    """
    return give_verdict("keep", board, shot, take, flags)
