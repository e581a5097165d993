"""`wan-video pick`."""

from __future__ import annotations

from flows.cli.verdicts import GivenFlags, give_verdict


def pick(board: str, shot: str, take: str, /, *, flags: GivenFlags = None) -> int:
    """Use this take of a shot; the cut follows, and nothing is bought.

    Args:
        board: The board's file, or the name of its folder in the store.
        shot: Id of the shot.
        take: Number of the take, or the beginning of its key; wan-video takes has both.
    """
    return give_verdict("pick", board, shot, take, flags)
