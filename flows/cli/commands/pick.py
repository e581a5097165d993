"""`wan-video pick`."""

from __future__ import annotations

from flows.cli.flags import BlockName, Switch
from flows.cli.verdicts import By, FrameNumber, Note, give_verdict, who


def pick(
    board: str,
    shot: str,
    take: str,
    /,
    *,
    note: Note = None,
    frame: FrameNumber = None,
    last_frame: FrameNumber = None,
    by: By = None,
    no_cut: Switch = False,
    emulator: Switch = False,
    json: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """Use this take of a shot; the cut follows, and nothing is bought.

    Args:
        board: The board's file, or the name of its folder in the store.
        shot: Id of the shot.
        take: Number of the take, or the beginning of its key; wan-video takes has both.
        note: What to say about it, for people.
        frame: The frame that the note is about, from 0.
        last_frame: The last frame that it is about, where it is about several.
        by: Who says so; the user of this machine, if not given.
        no_cut: Make no new film and timeline now; the next cut follows all the same.
        emulator: The store of --emulator.
        json: Print the verdict as JSON, alone on stdout.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.storyboard.verdict_log import Words

    words = Words("pick", who(by), note, frame, last_frame)
    return give_verdict(
        board, shot, take, words, cut=not no_cut, emulator=emulator, as_json=json, storage_block=storage_block
    )
