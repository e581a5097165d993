"""The marks of a board's film, beside those of the clips in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from footage.errors import BadRecord, NotThere
from footage.marks import FileReport, Marks
from footage.steps.clip_marks import clip_reports, stored_marks
from footage.storyboard.film_sizes import films_with_labels, labels_of
from footage.storyboard.outputs import Outputs

if TYPE_CHECKING:
    from footage.storage import Store

# A board of a thousand shots whose clips have two marked files each.
_MAX_BYTES = 64 << 20


def board_reports(store: Store, folder: str, anchors: Path | None = None) -> list[FileReport]:
    """Read the marks of a board's film, of those of further sizes, and of the clips that are in them.

    `folder` is the board's, such as "storyboards/The-Keeper"; `anchors` a PEM file of the authorities that are trusted.

    Raises:
        NotThere: No film lies there.
        BadRecord: Its `film.labels.json` does not fit.
        StorageProblem: The store cannot be read.
    """
    # What is not named there was left by a run that was killed.
    made = Outputs(store, folder).before
    films = {name: stored_marks(store, f"{folder}/{name}", anchors) for name in films_with_labels(made)}
    recorded = {name: _recorded(store, f"{folder}/{labels_of(name)}") for name in films}
    keys = [key for one in recorded.values() if one is not None for key in one.keys]
    clips = [report for key in dict.fromkeys(keys) for report in clip_reports(store, key, anchors)]
    labelled = any(report.marks.labels for report in clips)
    return [
        *(_film_report(f"{folder}/{name}", films[name], one, labelled) for name, one in recorded.items()),
        *clips,
    ]


class _Recorded(NamedTuple):
    """The hashes of a film's AIGC labels, and the keys of its clips."""

    labels: set[str]
    keys: list[str]


def _recorded(store: Store, path: str) -> _Recorded | None:
    """What was written down with a film; None: it is of an earlier release."""
    try:
        told = json.loads(store.read(path, max_bytes=_MAX_BYTES))
        labels = {str(label["sha256"]) for label in told["film"]["marks"]["aigc"]}
        return _Recorded(labels, [str(clip["key"]) for clip in cast("list[dict[str, Any]]", told["clips"])])
    except NotThere:
        return None
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BadRecord(f"{store.url}/{path} does not fit: it is no list of labels.", path=path) from error


def _film_report(path: str, film: Marks, recorded: _Recorded | None, clips_labelled: bool) -> FileReport:
    if recorded is None:
        return FileReport(path, film, notes=(f"There is no {labels_of(path)}.",))
    gone = recorded.labels - {hashlib.sha256(value).hexdigest() for value in film.values}
    lost = tuple(
        f"The AIGC label with the SHA-256 {sha256[:12]}… is no longer in it." for sha256 in sorted(gone)
    )
    if clips_labelled and not film.labels and not lost:
        lost = ("It has no AIGC label, and clips in it have one.",)
    return FileReport(path, film, lost)
