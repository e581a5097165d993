"""What a board leaves behind: film, timeline, edit list and dailies, under `storyboards/<title>/` of the store.

A title whose letters no file name can have gets a hash, and another board of the same title a number.

    film.mp4              the shots joined, in one size and rate
    film.720x1280.mp4     the same in a further size, where the board asks
    subtitles.en.srt, .vtt the film's subtitles, a pair for each language
    thumbnail.jpg         the sharpest frame, where the board asks; thumbnails.jpg to choose another
    music.<ext>           the music under the film, whatever its file is called
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
    outputs.json          what each of these files was made from
    takes/, retakes/, verdicts/   footage/storyboard/review_records.py

Made at every run of the board and after every verdict. What is made from the same as last time stays as it is
(footage/storyboard/outputs.py), the rest is replaced; the records in the three folders, a clip and its evidence
never are.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage import media
from footage.errors import BadDelivery, FootageError
from footage.evidence.clip_evidence import ClipEvidence
from footage.marks import UNNAMED, Labelling, Signing
from footage.request import VideoResponse
from footage.scratch import scratch_folder
from footage.steps.labelled_copy import labelled_copy
from footage.storyboard.board_report import board_report
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.dailies import render_dailies
from footage.storyboard.edl import edl
from footage.storyboard.film import film_inputs, make_film, shown_shots
from footage.storyboard.film_sizes import FILM, further_film, labels_of
from footage.storyboard.film_words import Words, chapter_list, words_of
from footage.storyboard.finished_film import FinishedFilm, as_kept, finished
from footage.storyboard.folder import board_json, claim_folder, to_json
from footage.storyboard.kept_music import with_local_music
from footage.storyboard.local_clips import LocalClips
from footage.storyboard.outputs import Outputs, digest
from footage.storyboard.review_page import page_in_file
from footage.storyboard.review_page.review_document import FileLinks, review_document
from footage.storyboard.selection import selected
from footage.storyboard.take_list import read_takes, read_verdicts
from footage.storyboard.take_rows import take_rows
from footage.storyboard.timeline import timeline_otio, write_otioz
from footage.storyboard.verdict_log import picks_jsonl
from footage.storyboard.xmeml import xmeml
from footage.subtitles import srt, webvtt

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.budget import Statement
    from footage.storyboard.plan import BoardPlan
    from footage.storyboard.take_list import Take

logger = logging.getLogger(__name__)

_THUMBNAILS = ("thumbnail.jpg", "thumbnails.jpg")


@dataclass(frozen=True)
class Package:
    """Where everything of a board is: links by label, and the film's facts (None: no shot was delivered)."""

    folder: str
    folder_url: str
    links: dict[str, str]
    film: FinishedFilm | None


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
    shots = selected(store, plan, outcomes, takes)
    notices = [*notices, *_about_takes(plan, outcomes, shots)]
    with scratch_folder() as scratch:
        return _Packing(store, plan, shots, takes, folder, scratch, labelling, signing).run(
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
        self.further_films: dict[str, FinishedFilm] = {}
        self.unlabelled: list[str] = []
        self.keys: dict[str, str] = {}
        # What everything is made from: the release, the board, and the bytes of the clips.
        self.made_from = {
            "release": version("wan-video"),
            "board": hashlib.sha256(board_json(plan.board)).hexdigest(),
        }
        videos: dict[str, str] = {}
        for outcome in outcomes.values():
            if outcome.response is not None:
                self.keys[outcome.shot_id] = outcome.response.key
                path, sha256 = self._video(outcome.shot_id, outcome.response)
                videos[outcome.shot_id] = path
                self.made_from[f"clip {outcome.shot_id}"] = sha256
        self.clips = LocalClips(store, videos, scratch)
        # The folder lies two levels below the clips' own.
        self.relative = {shot_id: f"../../{path}" for shot_id, path in videos.items()}
        self.outputs = Outputs(store, folder)
        self.outputs.links["board.json"] = store.url_of(f"{folder}/board.json")
        self.plan, self.unplayed = with_local_music(store, folder, self.outputs, plan, scratch)
        if self.plan.music is not None:
            self.made_from["music"] = self.plan.music.sha256

    def run(self, statement: Statement, notices: Sequence[str]) -> Package:
        film, problems = self._films()
        notices = [
            *notices,
            *problems,
            *(film.warnings if film else ()),
            *self.unlabelled,
            *self.unplayed,
        ]
        self._put_timelines()
        self._put("picks.jsonl", picks_jsonl(read_verdicts(self.store, self.folder)))
        report = board_report(self.plan, self.outcomes, self.rows, statement, film, self.further_films)
        self._put("report.json", to_json(report))
        document = review_document(self.store, self.plan, self.folder, self.takes, self.outcomes, FileLinks())
        self._put("review.html", page_in_file(document).encode())
        self._put_dailies(statement, notices, film)
        self.outputs.finish()
        return Package(self.folder, self.store.url_of(self.folder), self.outputs.links, film)

    def _video(self, shot_id: str, clip: VideoResponse) -> tuple[str, str]:
        """The clip of a shot, or its copy with the visible label where the board asks for that; and its hash."""
        if self.plan.shot(shot_id).request.visible_label == "own":
            try:
                copy = labelled_copy(ClipEvidence(self.store, clip.key), self.signing).file
            except BadDelivery as error:
                self.unlabelled.append(f"shot {shot_id}: it has no visible label: {error.message}.")
            else:
                return copy.path, copy.sha256
        return f"videos/{clip.key}.mp4", clip.sha256

    def _films(self) -> tuple[FinishedFilm | None, list[str]]:
        """The film, and those of further sizes beside it; or why one of them is not there."""
        shots, _ = shown_shots(self.plan, self.outcomes, self.clips)
        if not shots:
            return None, []
        words = words_of(self.plan, shots)
        self._put_words(words)
        film, problems = self._film(self.plan, FILM, words)
        if film is not None:
            self._put_thumbnails(film)
        else:
            self.outputs.keep(*_THUMBNAILS)
        for wanted in self.plan.further_formats:
            name = further_film(wanted)
            further, missing = self._film(replace(self.plan, format=wanted), name, words)
            problems += missing
            if further is not None:
                self.further_films[name] = further
        return film, problems

    def _film(self, plan: BoardPlan, name: str, words: Words) -> tuple[FinishedFilm | None, list[str]]:
        """A film in the plan's format, made now if it would be another one than last time; or why there is none."""
        made_from = self._film_inputs(plan)
        film = self._from_last_time(plan, name, words, made_from)
        if film is None:
            try:
                film = self._made(plan, name, made_from)
            except BadDelivery as error:
                logger.error("%s could not be made: %s", name, error.message)
                self.outputs.keep(name, labels_of(name))
                what = "film" if name == FILM else name
                return None, [f"No {what}: {error.message}"]
            # As they are: nothing in a label is a secret, and one that is changed is worth nothing.
            self.outputs.put(labels_of(name), film.labels_json(), made_from)
        return film, []

    def _film_inputs(self, plan: BoardPlan) -> dict[str, str]:
        return self._clip_hashes() | film_inputs(
            plan, self.outcomes, self.clips, self.labelling, self.signing
        )

    def _from_last_time(
        self, plan: BoardPlan, name: str, words: Words, made_from: Mapping[str, str]
    ) -> FinishedFilm | None:
        """The film that is there, if another one would be the same."""
        before = self.outputs.unchanged(name, made_from)
        if before is None or self.outputs.unchanged(labels_of(name), made_from) is None:
            return None
        labels = self.store.read(f"{self.folder}/{labels_of(name)}")
        shots, _ = shown_shots(plan, self.outcomes, self.clips)
        return as_kept(before.facts, labels, shots, plan.format.fps, words)

    def _made(self, plan: BoardPlan, name: str, made_from: Mapping[str, str]) -> FinishedFilm:
        file = self.scratch / name
        film = make_film(
            plan,
            self.outcomes,
            self.clips,
            file,
            self.labelling,
            self.signing,
            self.clips.is_copy,
            plan.music,
        )
        assert film is not None
        done = finished(film, file, self.keys)
        # What could not be signed is tried again at the next run.
        unsigned = self.signing is not None and film.label.film.manifest is None
        self.outputs.put_file(name, file, {} if unsigned else made_from, done.facts())
        # What is made next may be as large.
        file.unlink()
        return done

    def _put_thumbnails(self, film: FinishedFilm) -> None:
        if not self.plan.board.film.thumbnail:
            return
        made_from = self._clip_hashes() | {
            "shots and label": digest(film.included, film.labels["film"]["marks"]["aigc"])
        }
        best, strip = (self.scratch / name for name in _THUMBNAILS)
        if all(self.outputs.unchanged(file.name, made_from) for file in (best, strip)):
            return
        clips = [self.clips[shot_id] for shot_id in film.included]
        if media.thumbnail(clips, best, strip, label=film.label):
            for file in (best, strip):
                self.outputs.put_file(file.name, file, made_from)

    def _put_words(self, words: Words) -> None:
        for track in words.tracks:
            self._put(f"subtitles.{track.language}.srt", srt(track.cues).encode())
            self._put(f"subtitles.{track.language}.vtt", webvtt(track.cues).encode())
        if (chapters := chapter_list(words.chapters)) is not None:
            self._put("chapters.txt", chapters.encode())

    def _put_timelines(self) -> None:
        timeline = timeline_otio(self.plan, self.outcomes, self.relative, self.folder)
        self._put("timeline.otio", timeline)
        self._put("timeline.xml", xmeml(self.plan, self.outcomes, self.relative, self.folder))
        for number, text in enumerate(edl(self.plan, self.outcomes, self.relative), start=1):
            self._put("timeline.edl" if number == 1 else f"timeline-{number}.edl", text.encode())
        name, made_from = "timeline.otioz", self._clip_hashes() | {"timeline.otio": digest(timeline.decode())}
        if self.clips and self.outputs.unchanged(name, made_from) is None:
            write_otioz(self.plan, self.outcomes, self.clips, self.scratch / name, self.clips.drop)
            self.outputs.put_file(name, self.scratch / name, made_from)

    def _put_dailies(self, statement: Statement, notices: Sequence[str], film: FinishedFilm | None) -> None:
        """The page, unless it would differ in nothing but the time at which it was made."""
        shown: dict[str, Any] = {
            "clips": self.relative,
            "downloads": {name: name for name in self.outputs.links},
            "film": FILM if film else None,
            "subtitles": {track.language: webvtt(track.cues) for track in film.words.tracks} if film else {},
            "statement": statement,
            "notices": notices,
            "takes": self.rows,
        }
        made_from = self.made_from | {
            "shown": digest(shown, self.outcomes, self.plan.quote, self.plan.warnings)
        }
        if self.outputs.unchanged("dailies.html", made_from) is None:
            now = datetime.datetime.now(datetime.UTC)
            page = render_dailies(self.plan, self.outcomes, made_at=now, posters=self._posters(), **shown)
            self.outputs.put("dailies.html", page.encode(), made_from)

    def _posters(self) -> dict[str, bytes]:
        posters: dict[str, bytes] = {}
        for shot_id, key in self.keys.items():
            try:
                posters[shot_id] = self.store.read(f"videos/{key}.jpg")
            except FootageError as error:
                logger.warning("No poster of shot %s: %s", shot_id, error.message)
        return posters

    def _clip_hashes(self) -> dict[str, str]:
        return {name: value for name, value in self.made_from.items() if name != "board"}

    def _put(self, name: str, data: bytes) -> None:
        self.outputs.put(name, data, self.made_from)
