"""A file that was made here of a delivered one: it is verified like what was bought before anybody gets it."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from footage.errors import BadDelivery, StorageProblem
from footage.marks import Marks, read_marks
from footage.media import VideoFacts, inspect
from footage.steps.delivery_verdict import conversion_fault


def verified_rendition(before: VideoFacts, labels: Collection[bytes], out: Path) -> tuple[VideoFacts, Marks]:
    """What was measured and read in `out`, which was made of a file with these facts and has to have these labels.

    Raises:
        BadDelivery: It is not whole, or would have lost a mark.
    """
    after = inspect(out)
    if (wrong := conversion_fault(before, after)) is not None:
        raise BadDelivery(f"the converted file {wrong}")
    kept = read_marks(out)
    if kept.unreadable is not None or not {*labels} <= {*kept.values}:
        raise BadDelivery("the converted file lost the AIGC label")
    return after, kept


@contextmanager
def temporary_files(key: str) -> Generator[None]:
    """Around work on files of this machine.

    Raises:
        StorageProblem: Their folder is full or cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageProblem(
            f"Could not work in the folder for temporary files: {error.strerror or type(error).__name__}.",
            next_step="free some space there or set TMPDIR, then run the same command again",
            key=key,
        ) from error
