"""What a board leaves behind: film, timeline, edit list and dailies, under `storyboards/<title>/` of the store.

A title whose letters no file name can have gets a hash, and another board of the same title a number.

    film.mp4              the shots joined, in one size and rate
    subtitles.en.srt, .vtt the film's subtitles, a pair for each language
    thumbnail.jpg         the sharpest frame, where the board asks; thumbnails.jpg to choose another
    chapters.txt          for the description of an upload, where there are chapters that platforms take
    film.labels.json      the marks of the film, and of each clip in it
    timeline.otio         for editors, with relative paths to the clips
    timeline.otioz        the same with the clips inside
    timeline.xml          Final Cut Pro 7 XML, for Premiere and Resolve
    timeline.edl          CMX3600
    dailies.html          to look at, in any browser
    review.html           to compare takes in, read-only (footage/storyboard/review_page)
    board.json            the board as it was read
    report.json           outcomes, all takes, quote and spending
    picks.jsonl           what people said of the takes, a line each
    takes/, retakes/, verdicts/   footage/storyboard/review_records.py

Made anew at every run of the board and after every verdict, so these files are replaced; the records in the three
folders, a clip and its evidence never are.
"""

from __future__ import annotations

import datetime
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage import media
from footage.errors import BadDelivery, FootageError
from footage.evidence.clip_evidence import ClipEvidence
from footage.marks import UNNAMED, Labelling, Signing
from footage.steps.labelled_copy import labelled_copy
from footage.storage.sha256 import sha256_of
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.dailies import render_dailies
from footage.storyboard.edl import edl
from footage.storyboard.film import make_film
from footage.storyboard.film_words import chapter_list
from footage.storyboard.folder import claim_folder, to_json
from footage.storyboard.review_page import page_in_file
from footage.storyboard.review_page.review_document import FileLinks, review_document
from footage.storyboard.selection import selected
from footage.storyboard.take_list import read_takes, read_verdicts
from footage.storyboard.take_rows import take_rows
from footage.storyboard.timeline import timeline_otio, write_otioz
from footage.storyboard.verdict_log import picks_jsonl
from footage.storyboard.xmeml import xmeml
from footage.subtitles import srt, webvtt
from footage.values.money import amount_text

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.budget import Statement
    from footage.storyboard.film import Film
    from footage.storyboard.film_words import Words
    from footage.storyboard.plan import BoardPlan
    from footage.storyboard.take_list import Take

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """Where everything of a board is: links by label, and the film's facts (None: no shot was delivered)."""

    folder: str
    folder_url: str
    links: dict[str, str]
    film: Film | None


def make_package(
    store: Store,
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    statement: Statement,
    notices: Sequence[str] = (),
    labelling: Labelling = UNNAMED,
    signing: Signing | None = None,
) -> Package:
    """Cut, write and publish everything that a board leaves behind, of the takes that are picked, else of the newest.

    `outcomes` are those of the takes that this run made, by the take's id.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    # First, because it says whose folder this is.
    folder = claim_folder(store, plan.board)
    takes = read_takes(store, folder)
    shots = selected(store, folder, plan, outcomes, takes)
    notices = [*notices, *_about_takes(plan, outcomes, shots)]
    with tempfile.TemporaryDirectory(prefix="board-") as scratch:
        return _Packing(store, plan, shots, takes, folder, Path(scratch), labelling, signing).run(
            statement, notices
        )


def _about_takes(
    plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], shots: Mapping[str, ShotOutcome]
) -> list[str]:
    """What no shot's own card tells: further takes that did not come, and shots that start from a take not used now."""
    missing = [
        f"take {take.take} of shot {take.shot.id} ({outcome.state}): {outcome.reason}"
        for take in plan.takes
        if not take.first and (outcome := outcomes.get(take.id)) is not None and outcome.response is None
    ]
    return [*missing, *(f"shot {shot.shot_id}: {shot.stale}" for shot in shots.values() if shot.stale)]


class _Packing:
    def __init__(
        self,
        store: Store,
        plan: BoardPlan,
        outcomes: Mapping[str, ShotOutcome],
        takes: Mapping[str, Sequence[Take]],
        folder: str,
        scratch: Path,
        labelling: Labelling,
        signing: Signing | None,
    ) -> None:
        self.store = store
        self.plan = plan
        self.outcomes = outcomes
        self.takes = takes
        self.rows = {
            shot.id: take_rows(store, takes.get(shot.id, ()), shot.shot_sha256) for shot in plan.shots
        }
        self.folder = folder
        self.scratch = scratch
        self.labelling = labelling
        self.signing = signing
        self.keys = {o.shot_id: o.response.key for o in outcomes.values() if o.response is not None}
        self.unlabelled: list[str] = []
        self.videos = {shot_id: self._video(shot_id, key) for shot_id, key in self.keys.items()}
        # The folder lies two levels below the clips' own.
        self.relative = {shot_id: f"../../{path}" for shot_id, path in self.videos.items()}
        self.published: dict[str, str] = {"board.json": store.url_of(f"{folder}/board.json")}

    def run(self, statement: Statement, notices: Sequence[str]) -> Package:
        files = self._fetch()
        film, problem = self._film(files)
        notices = [
            *notices,
            *([f"No film: {problem}"] if problem else []),
            *((*film.label.warnings, *film.words.warnings) if film else ()),
            *self.unlabelled,
        ]
        self._put("timeline.otio", timeline_otio(self.plan, self.outcomes, self.relative))
        self._put("timeline.xml", xmeml(self.plan, self.outcomes, self.relative))
        if files:
            write_otioz(self.plan, self.outcomes, files, self.scratch / "timeline.otioz")
            self._put_file("timeline.otioz")
        for number, text in enumerate(edl(self.plan, self.outcomes, self.relative), start=1):
            self._put("timeline.edl" if number == 1 else f"timeline-{number}.edl", text.encode())
        self._put("picks.jsonl", picks_jsonl(read_verdicts(self.store, self.folder)))
        self._put("report.json", to_json(self._report(statement, film)))
        document = review_document(self.store, self.plan, self.folder, self.takes, self.outcomes, FileLinks())
        self._put("review.html", page_in_file(document).encode())
        page = render_dailies(
            self.plan,
            self.outcomes,
            made_at=datetime.datetime.now(datetime.UTC),
            clips=self.relative,
            posters=self._posters(),
            downloads={name: name for name in self.published},
            film="film.mp4" if film else None,
            subtitles={track.language: webvtt(track.cues) for track in film.words.tracks} if film else {},
            statement=statement,
            notices=notices,
            takes=self.rows,
        )
        self._put("dailies.html", page.encode())
        return Package(self.folder, self.store.url_of(self.folder), self.published, film)

    def _fetch(self) -> dict[str, Path]:
        """The clips as local files: film and bundle are made from them."""
        local: dict[str, Path] = {}
        for path in dict.fromkeys(self.videos.values()):
            local[path] = self.scratch / Path(path).name
            self.store.get_file(path, local[path])
        return {shot_id: local[path] for shot_id, path in self.videos.items()}

    def _video(self, shot_id: str, key: str) -> str:
        """The clip of a shot, or its copy with the visible label where the board asks for that."""
        if self.plan.shot(shot_id).request.visible_label == "own":
            try:
                return labelled_copy(ClipEvidence(self.store, key), self.signing).file.path
            except BadDelivery as error:
                self.unlabelled.append(f"shot {shot_id}: it has no visible label: {error.message}.")
        return f"videos/{key}.mp4"

    def _film(self, files: Mapping[str, Path]) -> tuple[Film | None, str | None]:
        try:
            film = make_film(
                self.plan, self.outcomes, files, self.scratch / "film.mp4", self.labelling, self.signing
            )
        except BadDelivery as error:
            logger.error("The film could not be made: %s", error.message)
            return None, error.message
        if film is not None:
            labels = self._labels(film)
            self._put_thumbnails(film, files)
            self._put_file("film.mp4")
            # The bundle, which is made next, is as large again.
            (self.scratch / "film.mp4").unlink()
            # As they are: nothing in a label is a secret, and one that is changed is worth nothing.
            self._put("film.labels.json", _plain_json(labels))
            self._put_words(film.words)
        return film, None

    def _put_thumbnails(self, film: Film, files: Mapping[str, Path]) -> None:
        if not self.plan.board.film.thumbnail:
            return
        best, strip = self.scratch / "thumbnail.jpg", self.scratch / "thumbnails.jpg"
        clips = [files[shot_id] for shot_id in film.included]
        if media.thumbnail(clips, best, strip, film=self.scratch / "film.mp4"):
            self._put_file(best.name)
            self._put_file(strip.name)

    def _put_words(self, words: Words) -> None:
        for track in words.tracks:
            self._put(f"subtitles.{track.language}.srt", srt(track.cues).encode())
            self._put(f"subtitles.{track.language}.vtt", webvtt(track.cues).encode())
        if (chapters := chapter_list(words.chapters)) is not None:
            self._put("chapters.txt", chapters.encode())

    def _labels(self, film: Film) -> dict[str, Any]:
        label = film.label
        return {
            "film": {
                "sha256": sha256_of(self.scratch / "film.mp4"),
                "labelled_by": label.by,
                "visible_label": film.visible_label.to_json() if film.visible_label else None,
                "marks": label.film.to_json(),
                "warnings": list(label.warnings),
            },
            "clips": [
                {
                    "shot": shot_id,
                    "key": self.keys[shot_id],
                    "sha256": clip.sha256,
                    "marks": clip.marks.to_json(),
                }
                for shot_id, clip in label.clips.items()
            ],
        }

    def _posters(self) -> dict[str, bytes]:
        posters: dict[str, bytes] = {}
        for shot_id, key in self.keys.items():
            try:
                posters[shot_id] = self.store.read(f"videos/{key}.jpg")
            except FootageError as error:
                logger.warning("No poster of shot %s: %s", shot_id, error.message)
        return posters

    def _report(self, statement: Statement, film: Film | None) -> dict[str, Any]:
        return {
            "title": self.plan.board.title,
            "shots": {
                outcome.shot_id: {
                    **asdict(outcome),
                    "response": outcome.response.model_dump(mode="json") if outcome.response else None,
                }
                for outcome in self.outcomes.values()
            },
            "takes": {
                shot_id: [row.to_json() for row in rows] for shot_id, rows in self.rows.items() if rows
            },
            "quote": {
                "seconds": self.plan.quote.seconds,
                "amounts": {c: amount_text(a) for c, a in self.plan.quote.amounts.items()},
                "read_on": self.plan.quote.read_on,
                "unknown": self.plan.quote.unknown,
            },
            "cost": {
                **statement.to_json(),
                "bought_seconds": statement.bought_seconds,
                "paid_before_seconds": statement.paid_before_seconds,
                "promised_seconds": statement.reserved_seconds,
            },
            "film": None if film is None else _film_facts(film),
        }

    def _put(self, name: str, data: bytes) -> None:
        self.store.replace(f"{self.folder}/{name}", data)
        self.published[name] = self.store.url_of(f"{self.folder}/{name}")

    def _put_file(self, name: str) -> None:
        self.store.replace_file(f"{self.folder}/{name}", self.scratch / name)
        self.published[name] = self.store.url_of(f"{self.folder}/{name}")


def _film_facts(film: Film) -> dict[str, Any]:
    """What the report says of a film; its labels and subtitles have files of their own."""
    others = ("label", "words")
    facts = {field.name: getattr(film, field.name) for field in fields(film) if field.name not in others}
    return {
        **facts,
        "copied": film.copied,
        "visible_label": film.visible_label.to_json() if film.visible_label else None,
        "left_out": dict(film.left_out),
        "subtitles": [track.language for track in film.words.tracks],
        "warnings": [*film.label.warnings, *film.words.warnings],
    }


def _plain_json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n").encode()
