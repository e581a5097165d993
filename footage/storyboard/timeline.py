"""The cut for an editor: an OpenTimelineIO file, and one with its media inside (`.otioz`).

Lengths and rates are those of the delivered files. A dissolve or fade of the board is noted as a marker, unless
the board wants its transitions made: then clips are trimmed for it, and what is trimmed is its handles.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import chain, count
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote as escaped

from footage.errors import StorageProblem
from footage.media import MUSIC_RATE
from footage.privacy.redact import redact
from footage.storyboard.cut import Event, ShotOutcome, cut, file_name
from footage.storyboard.media_root import pathurl
from footage.storyboard.music import Music
from footage.storyboard.music_track import music_path, repetitions
from footage.storyboard.plan import BoardPlan
from footage.storyboard.sequence import Placed, sequence
from footage.values.frame_rate import rate_number

# Where our fields are in OTIO's metadata; read_board finds them there again.
OURS = "wan_video"
# On the black that a fade goes through, which is no shot.
BLACK = "black"
_MOST_BOARD_CHARS = 4_000_000


def timeline_otio(
    plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], media: Mapping[str, str], folder: str = ""
) -> bytes:
    """The timeline as an `.otio` file.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id; a shot without a clip becomes a gap of its planned length.
        media: Where each delivered clip lies, by shot id, as a path relative to the timeline's own folder.
        folder: That folder's path in the store; music lies in it.
    """
    import opentimelineio as otio

    root = plan.board.film.media_root
    urls = {shot_id: pathurl(path, root) for shot_id, path in media.items()}
    music = None if plan.music is None else pathurl(music_path(plan.music, folder, root), root)
    text: str = otio.adapters.write_to_string(_timeline(plan, outcomes, urls, music), "otio_json")
    return text.encode("utf-8")


def write_otioz(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    files: Mapping[str, Path],
    out: Path,
    written: Callable[[str], None] = lambda _shot_id: None,
) -> None:
    """Write timeline and clips as one `.otioz` file, the clips under their shots' names.

    OpenTimelineIO's own writer wants all clips on the disk at once.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id.
        files: The local file of each delivered clip, by shot id; asked for one after the other.
        out: The file to write.
        written: Called with the id of each shot whose clip is no longer needed.

    Raises:
        StorageProblem: The bundle cannot be written.
    """
    import opentimelineio as otio

    names: dict[str, str] = {}
    # Many file systems do not tell "A" from "a".
    taken: set[str] = set()
    for shot_id in files:
        stem = file_name(shot_id)
        free = (
            name for name in chain([stem], (f"{stem}-{n}" for n in count(2))) if name.casefold() not in taken
        )
        names[shot_id] = f"{next(free)}.mp4"
        taken.add(names[shot_id].removesuffix(".mp4").casefold())
    urls = {shot_id: escaped(f"media/{name}") for shot_id, name in names.items()}
    music = None if plan.music is None or plan.music.file is None else plan.music.file
    music_url = None if plan.music is None or music is None else f"media/{plan.music.kept_as}"
    text: str = otio.adapters.write_to_string(_timeline(plan, outcomes, urls, music_url), "otio_json")
    try:
        # The clips are as small as they get.
        with zipfile.ZipFile(out, "w", strict_timestamps=False) as bundle:
            bundle.writestr("version.txt", "1.0.0", zipfile.ZIP_DEFLATED)
            bundle.writestr("content.otio", text, zipfile.ZIP_DEFLATED)
            for shot_id, name in names.items():
                bundle.write(files[shot_id], f"media/{name}")
                written(shot_id)
            if music is not None and music_url is not None:
                bundle.write(music, music_url)
    except OSError as error:
        raise StorageProblem(f"Could not write {out.name}: {error}.") from error


def _timeline(
    plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], urls: Mapping[str, str], music: str | None
) -> Any:
    import opentimelineio as otio

    shots = sequence(plan, cut(plan, outcomes))
    timeline: Any = otio.schema.Timeline(plan.board.title)
    # OTIO has no place for a picture size; programs that need one look here.
    frame: dict[str, Any] = {
        "width": plan.format.width,
        "height": plan.format.height,
        "fps": rate_number(plan.format.fps),
    }
    if plan.format.fit is not None:
        frame["fit"] = plan.format.fit
    timeline.metadata[OURS] = {"schema": plan.board.version, "format": frame} | _board(plan)
    video: Any = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(video)
    _fill(video, shots, plan.format.fps, [_item(shot, plan.format.fps, urls) for shot in shots])
    slug: str | None = None
    for item, shot in zip((i for i in video if not _is_between(i)), shots, strict=True):
        _mark(item, shot, slug)
        slug = shot.event.shot.shot.slug
    if any(shot.event.audio for shot in shots):
        sound: Any = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
        timeline.tracks.append(sound)
        fps = plan.format.fps
        items = [_item(shot, fps, urls) if shot.event.audio else _gap(shot, fps) for shot in shots]
        _fill(sound, shots, fps, items)
    if plan.music is not None and music is not None and shots:
        timeline.tracks.append(_music(plan.music, music, shots[-1].record_out, plan.format.fps))
    return timeline


def _music(music: Music, url: str, frames: int, fps: Fraction) -> Any:
    """The music's own track, as long as the film."""
    import opentimelineio as otio

    track: Any = otio.schema.Track("A2", kind=otio.schema.TrackKind.Audio)
    facts, whole = redact(music.facts()), Fraction(MUSIC_RATE)
    heard = 0
    for part in repetitions(music, frames, fps):
        media: Any = otio.schema.ExternalReference(url, _range(0, music.samples, whole))
        media.name = facts["file"]
        # Alone it has the film's own frames; a repetition begins at a sample, between two of them.
        once = part.record_out - part.record_in == frames
        shown = _range(0, frames, fps) if once else _range(0, part.samples, whole)
        item: Any = otio.schema.Clip(facts["file"], media_reference=media, source_range=shown)
        item.metadata[OURS] = {"music": facts}
        track.append(item)
        heard = part.record_out
    silent = round(frames / fps * MUSIC_RATE) - music.samples
    if heard < frames:
        track.append(otio.schema.Gap("silence", source_range=_range(0, silent, whole)))
    return track


def _fill(track: Any, shots: Sequence[Placed], fps: Fraction, items: Sequence[Any]) -> None:
    """Put the items on a track with the transitions between them; a fade goes into black, and out of it."""
    import opentimelineio as otio

    def time(frames: int) -> Any:
        return otio.opentime.RationalTime(frames, float(fps))

    def transition(before: int, after: int) -> Any:
        dissolve = otio.schema.TransitionTypes.SMPTE_Dissolve
        return otio.schema.Transition("dissolve", dissolve, time(before), time(after))

    for shot, item in zip(shots, items, strict=True):
        track.append(item)
        seam = shot.into_next
        if seam is None:
            continue
        if seam.kind == "dissolve":
            track.append(transition(seam.before, seam.after))
            continue
        black: Any = otio.schema.Gap(
            "black", source_range=otio.opentime.TimeRange(time(0), time(seam.before))
        )
        black.metadata[OURS] = {BLACK: True}
        track.extend([transition(0, seam.before), black])
        if seam.after:
            track.append(transition(0, seam.after))


def _is_between(item: Any) -> bool:
    """Whether it stands between two shots and is none."""
    import opentimelineio as otio

    return isinstance(item, otio.schema.Transition) or BLACK in item.metadata[OURS]


def _board(plan: BoardPlan) -> dict[str, Any]:
    """The board itself, so that the timeline read back gives it; not where it holds a secret or a whole picture."""
    board = _storable(plan.board.model_dump(mode="json", by_alias=True))
    whole = redact(board) == board and len(json.dumps(board)) <= _MOST_BOARD_CHARS
    return {"board": board} if whole else {}


def _item(shot: Placed, fps: Fraction, urls: Mapping[str, str]) -> Any:
    import opentimelineio as otio

    event, clip = shot.event, shot.event.clip
    if clip is None or event.shot.id not in urls:
        return _gap(shot, fps)
    media: Any = otio.schema.ExternalReference(urls[event.shot.id], _range(0, event.frames, event.fps))
    media.name = event.name
    media.metadata[OURS] = {
        "key": clip.key,
        "sha256": clip.sha256,
        "size": clip.size,
        "bytes": clip.size_bytes,
    }
    item: Any = otio.schema.Clip(event.name, media_reference=media, source_range=_shown(shot, fps))
    made = {"seed": clip.seed, "model": clip.model, "region": clip.region}
    item.metadata[OURS] = _facts(event) | made | _choice(event)
    return item


def _choice(event: Event) -> dict[str, Any]:
    """Which take of the shot it is, and whether a person picked it."""
    outcome = event.outcome
    if outcome is None or outcome.take is None:
        return {}
    return {"take": outcome.take, "picked": outcome.picked} | (
        {"stale": outcome.stale} if outcome.stale else {}
    )


def _gap(shot: Placed, fps: Fraction) -> Any:
    import opentimelineio as otio

    event = shot.event
    gap: Any = otio.schema.Gap(event.name, source_range=_shown(shot, fps))
    state = event.outcome.state if event.outcome is not None else "unfinished"
    gap.metadata[OURS] = _facts(event) | {"state": state}
    return gap


def _shown(shot: Placed, fps: Fraction) -> Any:
    """What the film shows of the clip: all of it in its own frames, or a part in those of the film."""
    black = shot.into_next.before if shot.into_next is not None and shot.into_next.kind == "fade" else 0
    if shot.frames - black == shot.total and (not shot.encoded or shot.event.fps == fps):
        return _range(0, shot.event.frames, shot.event.fps)
    return _range(shot.source_in, shot.frames - black, fps)


def _range(start: int, frames: int, fps: Fraction) -> Any:
    import opentimelineio as otio

    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, float(fps)), time(frames, float(fps)))


def _facts(event: Event) -> dict[str, Any]:
    """The story fields of a shot and what it asked for, so that the timeline tells where it came from."""
    shot = event.shot.shot
    story = shot.model_dump(
        mode="json", include={"scene", "slug", "title", "dialogue", "sound", "notes", "metadata"}
    )
    asked = {"prompt": event.shot.request.prompt, "negative_prompt": event.shot.request.negative_prompt}
    facts = {"shot_id": shot.id, **story, **asked, "starts_from": event.shot.starts_from}
    if shot.transition.kind != "cut":
        facts["transition"] = shot.transition.model_dump()
    # Fields of other tools are kept as they came, and links among them may be signed.
    return redact({name: _storable(value) for name, value in facts.items() if value is not None})


def _storable(value: Any) -> Any:
    """Metadata as OTIO can hold it: whole numbers of 64 bits; longer ones, such as many tools' ids, as text."""
    if isinstance(value, Mapping):
        return {name: _storable(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_storable(item) for item in cast("list[Any]", value)]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _mark(item: Any, placed: Placed, slug_before: str | None) -> None:
    import opentimelineio as otio

    event = placed.event
    time = otio.opentime.RationalTime
    shot, rate = event.shot.shot, float(event.fps)
    if shot.slug and shot.slug != slug_before:
        start = otio.opentime.TimeRange(time(0, rate), time(1, rate))
        item.markers.append(otio.schema.Marker(shot.slug, start, otio.schema.MarkerColor.GREEN))
    if shot.transition.kind != "cut" and placed.into_next is None:
        length = f" {shot.transition.seconds:g} s" if shot.transition.seconds else ""
        end = otio.opentime.TimeRange(time(event.frames - 1, rate), time(1, rate))
        name = f"{shot.transition.kind}{length} into the next shot"
        item.markers.append(otio.schema.Marker(name, end, otio.schema.MarkerColor.YELLOW))
