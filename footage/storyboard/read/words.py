"""The words that people and tools use for the same thing, and the values they write."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from footage.catalogue import CATALOGUE

# Keys are compared without case, spaces, underscores and hyphens, so one entry covers
# `duration_seconds`, `durationSeconds` and `Duration (seconds)`.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "shotid", "shot", "shotnumber", "shotno", "shotnr", "storyboardnumber", "number", "no", "idx",
        "index", "segmentid", "sceneid", "order", "镜号", "镜头", "镜头号", "序号",
    ),
    "scene": ("scene", "sceneno", "scenenumber", "sceneid", "sc", "场", "场次", "场景", "场号"),
    "slug": ("slug", "slugline", "location", "setting", "地点"),
    "title": ("title", "name", "shotname", "shottitle", "标题"),
    "prompt": (
        "prompt", "videoprompt", "videodesc", "motiondesc", "visualdesc", "scenedescription", "actiontext",
        "description", "action", "content", "picture", "text", "画面", "画面内容", "内容", "描述", "画面描述",
    ),
    "negative_prompt": ("negativeprompt", "negative"),
    "duration": (
        "duration", "durationseconds", "durationsec", "durations", "suggestedduration", "length", "lengths",
        "time", "seconds", "sec", "时长", "时长秒", "时间",
    ),
    "reference_image": (
        "referenceimage", "firstframeimage", "firstframe", "startframe", "startimage", "image", "imgurl",
        "imageurl", "首帧", "参考图",
    ),
    "seed": ("seed",),
    "model": ("model",),
    "size": ("size",),
    "fps": ("fps", "framerate"),
    "take": ("take",),
    "region": ("region",),
    "audio_url": ("audiourl",),
    "start_from": ("startfrom", "continuesfromshotid", "continuesfrom"),
    "transition": ("transition", "transitiontonext", "转场"),
    "dialogue": ("dialogue", "dialog", "line", "lines", "voiceover", "vo", "对白", "台词", "旁白"),
    "sound": (
        "sound", "sfx", "soundeffect", "soundeffects", "audio", "music", "audiodesc", "音效", "声音", "配乐",
    ),
    "notes": ("notes", "note", "remarks", "comment", "comments", "备注"),
    # Not fields of ours: they become part of the prompt and stay in the metadata.
    "framing": ("shotsize", "shottype", "shotvalue", "framing", "景别"),
    "angle": ("angle", "cameraangle", "角度", "机位"),
    "movement": ("movement", "cameramovement", "cameramotion", "camera", "运镜", "镜头运动"),
    "lens": ("lens", "焦距", "镜头焦距"),
}  # fmt: skip

_NOT_WORD = re.compile(r"[\s_\-./()（）\[\]#]+")


@lru_cache(4096)
def plain(name: str) -> str:
    """A field name without case and punctuation: `Shot Size` and `shot_size` are one word."""
    return _NOT_WORD.sub("", name.casefold())


def meaning(name: str) -> tuple[str, ...]:
    """The fields that a name can stand for; `scene_id` can be a scene or, where nothing else is, the shot."""
    word = plain(name)
    return tuple(field for field, words in SYNONYMS.items() if word in words)


_UNIT = re.compile(r"^(\d+(?:[.,]\d+)?)\s*(?:s|sec|secs|second|seconds|秒|\"|″)?\.?$", re.IGNORECASE)
_CLOCK = re.compile(r"^(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)$")


def seconds(value: object) -> float | None:
    """A duration as people write it (5, "5s", "5.5 秒", "0:05") in seconds; None when it cannot be read."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if 0 < value < 86_400 else None
    text = str(value).strip()
    if match := _UNIT.match(text):
        return float(match[1].replace(",", ".")) or None
    if match := _CLOCK.match(text):
        hours, minutes, rest = match[1] or "0", match[2], match[3].replace(",", ".")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest) or None
    return None


def transition(value: object) -> tuple[str, bool] | None:
    """(cut, dissolve or fade; whether the word said exactly that), or None for a word that is neither."""
    word = plain(str(value))
    if word in ("cut", "dissolve", "fade"):
        return word, True
    for kind, words in {
        "cut": ("", "none", "hardcut", "切", "硬切"),
        "dissolve": ("crossdissolve", "crossfade", "mix", "smptedissolve", "叠化", "溶解"),
        "fade": ("fadeout", "fadein", "fadetoblack", "淡出", "淡入", "渐隐"),
    }.items():
        if word in words:
            return kind, False
    return None


def shape_of(ratio: object) -> float | None:
    """Width by height of `16:9`, `9x16` or `1280*720`; None when it is neither."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*[:/x×X*]\s*(\d{1,5})\s*", str(ratio or ""))
    return int(match[1]) / int(match[2]) if match and int(match[1]) and int(match[2]) else None


def size_of(ratio: object, tier: object = None) -> str | None:
    """Width*height of the tier (720P if it is none) nearest to a shape such as 9:16; None for no shape."""
    shape = shape_of(ratio)
    if shape is None:
        return None
    sizes = CATALOGUE.tiers.get(str(tier or "").upper()) or CATALOGUE.tiers["720P"]
    return nearest_shape(shape, sizes)


def nearest_shape(shape: float, sizes: Sequence[str]) -> str | None:
    """The size whose shape is nearest; None when there are no sizes."""
    return min(sizes, key=lambda size: abs(math.log((shape_of(size) or shape) / shape)), default=None)


_SIZE = re.compile(r"^\s*(\d{2,5})\s*[*x×X:]\s*(\d{2,5})\s*$")


def pixels(value: object) -> str | None:
    """`1280x720` in our spelling, `1280*720`; None when it is not a size."""
    match = _SIZE.match(str(value))
    return f"{match[1]}*{match[2]}" if match else None


def number(value: object) -> Any:
    """A cell of a table as the whole number it holds, else as it is."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?\d{1,12}", text) else value
