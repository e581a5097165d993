"""The cut as Final Cut Pro 7 XML (xmeml 5), which Premiere and Resolve open.

Written by hand because no library writes sizes, links between picture and sound, dissolves and paths that work in
both programs. After Apple's Final Cut Pro XML Interchange Format, the only reference of it: at a transition the edge
of a clip is -1, and its in and out include the frames under the transition; a fade has an alignment to black.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from footage.privacy.redact import redact
from footage.storyboard.cut import ShotOutcome, cut
from footage.storyboard.media_root import pathurl
from footage.storyboard.music_track import music_path, repetitions
from footage.storyboard.sequence import Placed, Seam, fit_of, picture_size, sequence

if TYPE_CHECKING:
    from footage.storyboard.music import Music
    from footage.storyboard.plan import BoardPlan, Format

# A track for each channel: that is how stereo stands in this format.
_TRACKS = (1, 2)
_SOUND_RATE = 48_000
# Final Cut's levels go to +12 dB, as a factor.
_MOST_LEVEL = 3.98107
# XML has no characters for most of the control codes; texts of boards may hold them.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xmeml(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    media: Mapping[str, str],
    folder: str = "",
) -> bytes:
    """The timeline as an XML file.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id; a shot without a clip is left empty for its planned length.
        media: Where each delivered clip lies, by shot id, as a path relative to the file's own folder.
        folder: That folder's path in the store; music lies in it.
    """
    shots = sequence(plan, cut(plan, outcomes))
    there = [shot for shot in shots if shot.event.clip is not None and shot.event.shot.id in media]
    root = Element("xmeml", version="5")
    film = SubElement(root, "sequence", id="sequence-1")
    _texts(film, name=plan.board.title, duration=shots[-1].record_out if shots else 0)
    _rate(film, plan.format.fps)
    _timecode(film, plan.format.fps)
    tracks = SubElement(film, "media")
    video = SubElement(tracks, "video")
    _picture_format(SubElement(SubElement(video, "format"), "samplecharacteristics"), plan.format)
    urls = {shot_id: pathurl(path, plan.board.film.media_root) for shot_id, path in media.items()}
    sounding = [shot for shot in there if shot.event.audio]
    links = _links(there, sounding)
    _track(video, "video", 1, there, urls, links)
    _scale(video, there, plan.format)
    music = plan.music if shots else None
    if sounding or music is not None:
        audio = SubElement(tracks, "audio")
        _texts(audio, numOutputChannels=len(_TRACKS))
        sound = SubElement(SubElement(audio, "format"), "samplecharacteristics")
        _texts(sound, depth=16, samplerate=_SOUND_RATE)
        for channel in _TRACKS:
            if sounding:
                _track(audio, "audio", channel, sounding, urls, links)
        if music is not None:
            root_path = plan.board.film.media_root
            url = pathurl(music_path(music, folder, root_path), root_path)
            for channel in _TRACKS:
                _music_track(audio, music, channel, url, shots[-1].record_out, plan.format)
    for shot in there:
        _marker(film, shot)
    indent(root)
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
        + tostring(root, encoding="utf-8")
        + b"\n"
    )


class _Item(NamedTuple):
    """A clip on one track, with the transitions that it has there: a dissolve needs its neighbour on the track."""

    shot: Placed
    before: Seam | None
    after: Seam | None


def _items(shots: Sequence[Placed]) -> list[_Item]:
    items: list[_Item] = []
    for last, shot, following in zip([None, *shots], shots, [*shots[1:], None], strict=False):
        before, after = shot.from_last, shot.into_next
        if _dissolves(before) and not (last is not None and last.record_out == shot.record_in):
            before = None
        if _dissolves(after) and not (following is not None and following.record_in == shot.record_out):
            after = None
        items.append(_Item(shot, before, after))
    return items


def _dissolves(seam: Seam | None) -> bool:
    return seam is not None and seam.kind == "dissolve"


def _track(
    parent: Element,
    kind: str,
    channel: int,
    shots: Sequence[Placed],
    urls: Mapping[str, str],
    links: Mapping[str, Sequence[tuple[str, int, int]]],
) -> None:
    track = SubElement(parent, "track")
    for item in _items(shots):
        shot = item.shot
        if item.before is not None and item.before.kind == "fade" and item.before.after:
            end = shot.record_in + item.before.after
            _transition(track, kind, shot.record_in, end, "start-black")
        _clipitem(track, item, kind, channel, urls)
        for linked, number, place in links[shot.event.shot.id]:
            link = SubElement(track[-1], "link")
            _texts(
                link,
                linkclipref=_item_id(shot, linked, number),
                mediatype=linked,
                trackindex=number,
                clipindex=place,
            )
        if item.after is not None:
            start = shot.record_out - item.after.before
            if item.after.kind == "dissolve":
                _transition(track, kind, start, start + item.after.frames, "center")
            else:
                _transition(track, kind, start, shot.record_out, "end-black")
    _texts(track, enabled="TRUE", locked="FALSE")


def _links(there: Sequence[Placed], sounding: Sequence[Placed]) -> dict[str, list[tuple[str, int, int]]]:
    """The items of each shot that belong together: kind of track, number of track, place on it."""
    heard = {shot.event.shot.id: place for place, shot in enumerate(sounding, start=1)}
    found: dict[str, list[tuple[str, int, int]]] = {}
    for place, shot in enumerate(there, start=1):
        shot_id = shot.event.shot.id
        sound = [("audio", channel, heard[shot_id]) for channel in _TRACKS] if shot_id in heard else []
        found[shot_id] = [("video", 1, place), *sound] if sound else []
    return found


def _item_id(shot: Placed, kind: str, channel: int) -> str:
    return f"clipitem-{shot.event.shot.number}-{kind}-{channel}"


def _clipitem(track: Element, item: _Item, kind: str, channel: int, urls: Mapping[str, str]) -> None:
    shot, event = item.shot, item.shot.event
    # A dissolve shows frames beyond the cut, also where the other clip has nothing on this track.
    early = shot.from_last.before if _dissolves(shot.from_last) and shot.from_last is not None else 0
    late = shot.into_next.after if _dissolves(shot.into_next) and shot.into_next is not None else 0
    starts_in = item.before is not None and bool(item.before.after)
    element = SubElement(track, "clipitem", id=_item_id(shot, kind, channel))
    _texts(element, name=event.name, enabled="TRUE", duration=event.frames)
    _rate(element, event.fps)
    # Of the clip's own frames for each one of the film.
    ratio = 1 if event.frames == shot.total else Fraction(event.frames, shot.total)
    _texts(
        element,
        start=-1 if starts_in else shot.record_in - early,
        end=-1 if item.after is not None else shot.record_out + late,
        **{
            "in": round((shot.source_in - early) * ratio),
            "out": round((shot.source_out + late) * ratio),
        },
    )
    _file(element, item.shot, urls[event.shot.id], whole=kind == "video")
    if kind == "audio":
        _texts(SubElement(element, "sourcetrack"), mediatype="audio", trackindex=channel)


def _scale(video: Element, shots: Sequence[Placed], wanted: Format) -> None:
    """Give clips of another size than the film's the scale that fits them; programs show them at their own size."""
    if wanted.fit is None:
        return
    for element, shot in zip(video.iter("clipitem"), shots, strict=True):
        if shot.event.clip is None or (size := picture_size(shot.event.clip)) == (
            wanted.width,
            wanted.height,
        ):
            continue
        scales = wanted.width / size[0], wanted.height / size[1]
        # As the film: only where the shapes differ there are bars.
        percent = 100 * (min(scales) if fit_of(shot.event.clip, wanted) == "pad" else max(scales))
        motion = Element("effect")
        _texts(motion, name="Basic Motion", effectid="basic", effectcategory="motion")
        _texts(motion, effecttype="motion", mediatype="video")
        scale = SubElement(motion, "parameter")
        _texts(scale, parameterid="scale", name="Scale", valuemin=0, valuemax=1000, value=f"{percent:.2f}")
        effects = Element("filter")
        effects.append(motion)
        element.insert([child.tag for child in element].index("file") + 1, effects)


def _file(parent: Element, shot: Placed, url: str, *, whole: bool) -> None:
    event = shot.event
    file = SubElement(parent, "file", id=f"file-{event.shot.number}")
    if not whole:
        # The description stands once; later only its id does.
        return
    _texts(file, name=event.name, pathurl=url, duration=event.frames)
    _rate(file, event.fps)
    media = SubElement(file, "media")
    picture = SubElement(SubElement(media, "video"), "samplecharacteristics")
    width, height = picture_size(event.clip) if event.clip is not None else (0, 0)
    _texts(picture, width=width, height=height)
    _rate(picture, event.fps)
    if event.audio:
        sound = SubElement(media, "audio")
        _texts(SubElement(sound, "samplecharacteristics"), depth=16, samplerate=_SOUND_RATE)
        _texts(sound, channelcount=len(_TRACKS))


def _music_track(parent: Element, music: Music, channel: int, url: str, frames: int, wanted: Format) -> None:
    """The music on a track of its own, with its level; it belongs to no picture."""
    track = SubElement(parent, "track")
    fps, name = wanted.fps, redact(music.name)
    duration = math.ceil(Fraction(music.samples, _SOUND_RATE) * fps)
    for number, part in enumerate(repetitions(music, frames, fps), start=1):
        item = SubElement(track, "clipitem", id=f"clipitem-music-{number}-{channel}")
        _texts(item, name=name, enabled="TRUE", duration=duration)
        _rate(item, fps)
        length = part.record_out - part.record_in
        _texts(item, start=part.record_in, end=part.record_out, **{"in": 0, "out": length})
        file = SubElement(item, "file", id="file-music")
        if number == channel == 1:
            _texts(file, name=name, pathurl=url, duration=duration)
            _rate(file, fps)
            sound = SubElement(SubElement(file, "media"), "audio")
            _texts(SubElement(sound, "samplecharacteristics"), depth=16, samplerate=_SOUND_RATE)
            _texts(sound, channelcount=len(_TRACKS))
        _level(item, music.options.gain_db)
        _texts(SubElement(item, "sourcetrack"), mediatype="audio", trackindex=channel)
    _texts(track, enabled="TRUE", locked="FALSE")


def _level(item: Element, gain_db: float) -> None:
    effect = SubElement(SubElement(item, "filter"), "effect")
    _texts(
        effect,
        name="Audio Levels",
        effectid="audiolevels",
        effectcategory="audiolevels",
        effecttype="audiolevels",
        mediatype="audio",
    )
    level = SubElement(effect, "parameter")
    _texts(level, parameterid="level", name="Level", valuemin=0, valuemax=_MOST_LEVEL)
    _texts(level, value=f"{10 ** (gain_db / 20):.6f}")


def _transition(track: Element, kind: str, start: int, end: int, alignment: str) -> None:
    item = SubElement(track, "transitionitem")
    _texts(item, start=start, end=end, alignment=alignment)
    effect = SubElement(item, "effect")
    if kind == "video":
        _texts(effect, name="Cross Dissolve", effectid="Cross Dissolve", effectcategory="Dissolve")
    else:
        _texts(effect, name="Cross Fade (+3dB)", effectid="KGAudioTransCrossFade3dB")
    _texts(effect, effecttype="transition", mediatype=kind)


def _marker(parent: Element, shot: Placed) -> None:
    event = shot.event
    key = f"key {event.clip.key}" if event.clip is not None else ""
    marker = SubElement(parent, "marker")
    comment = redact(f"{event.shot.request.prompt}\n{key}")
    _texts(marker, name=event.name, comment=comment, **{"in": shot.record_in, "out": -1})


def _picture_format(parent: Element, wanted: Format) -> None:
    _texts(parent, width=wanted.width, height=wanted.height, pixelaspectratio="square", fielddominance="none")
    _rate(parent, wanted.fps)


def _timecode(parent: Element, fps: Fraction) -> None:
    code = SubElement(parent, "timecode")
    _rate(code, fps)
    _texts(code, string="00:00:00:00", frame=0, displayformat="NDF")


def _rate(parent: Element, fps: Fraction) -> None:
    """A whole number of frames a second, and whether they run slower by 1000/1001."""
    _texts(
        SubElement(parent, "rate"), timebase=math.ceil(fps), ntsc="FALSE" if fps.denominator == 1 else "TRUE"
    )


def _texts(parent: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = _NOT_XML.sub("", str(value))
