"""`wan-video reject`."""

from __future__ import annotations

from flows.cli.verdicts import GivenFlags, give_verdict


def reject(board: str, shot: str, take: str, /, *, flags: GivenFlags = None) -> int:
    """Say that a take of a shot is not to be used; the cut follows, and nothing is bought.

    Args:
        board: The board's file, or the name of its folder in the store.
        shot: Id of the shot.
        take: Number of the take, or the beginning of its key; wan-video takes has both.
    """
    return give_verdict("reject", board, shot, take, flags)
