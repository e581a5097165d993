"""The marks of a board's film, beside those of the clips in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from footage.errors import BadRecord, NotThere
from footage.marks import FileReport
from footage.steps.clip_marks import clip_reports, stored_marks

if TYPE_CHECKING:
    from footage.storage import Store

# A board of a thousand shots whose clips have two marked files each.
_MAX_BYTES = 64 << 20


def board_reports(store: Store, folder: str, anchors: Path | None = None) -> list[FileReport]:
    """Read the marks of a board's film and of the clips that are in it.

    `folder` is the board's, such as "storyboards/The-Keeper"; `anchors` a PEM file of the authorities that are trusted.

    Raises:
        NotThere: No film lies there.
        BadRecord: Its `film.labels.json` does not fit.
        StorageProblem: The store cannot be read.
    """
    film = stored_marks(store, f"{folder}/film.mp4", anchors)
    path = f"{folder}/film.labels.json"
    try:
        recorded = json.loads(store.read(path, max_bytes=_MAX_BYTES))
        labels = {str(label["sha256"]) for label in recorded["film"]["marks"]["aigc"]}
        keys = [str(clip["key"]) for clip in cast("list[dict[str, Any]]", recorded["clips"])]
    except NotThere:
        # Of an earlier release.
        return [FileReport(f"{folder}/film.mp4", film, notes=(f"There is no {path}.",))]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BadRecord(f"{store.url}/{path} does not fit: it is no list of labels.", path=path) from error
    gone = labels - {hashlib.sha256(value).hexdigest() for value in film.values}
    lost = tuple(
        f"The AIGC label with the SHA-256 {sha256[:12]}… is no longer in it." for sha256 in sorted(gone)
    )
    clips = [report for key in dict.fromkeys(keys) for report in clip_reports(store, key, anchors)]
    bare = not film.labels and any(report.marks.labels for report in clips)
    if bare and not lost:
        lost = ("It has no AIGC label, and clips in it have one.",)
    return [FileReport(f"{folder}/film.mp4", film, lost), *clips]
