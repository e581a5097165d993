"""What the service checks about the models whose inputs are a list of media, and about references of the 2.6 models.

Sources: Model Studio docs, references of wan2.7 (text-, image-, reference-to-video; read 2026-05 to 2026-10) and of
wan3.0 (read 2026-10); texts were measured by third parties, 2026-05 to 2026-08, but for the first of wan3.0's, which
its page prints. Each knob is a question that no page settles.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from footage.emulator.knobs import Knobs
from footage.emulator.model_specs import SEED_MAX, Model, ratio_size
from footage.emulator.reference_media import BadMediaError
from footage.emulator.tasks import Plan

_FRAMES = ("first_frame", "last_frame")
_TYPES = {
    "2.7-i2v": ("first_frame", "last_frame", "driving_audio", "first_clip"),
    "2.7-r2v": ("reference_image", "reference_video", "first_frame"),
    "3.0": (*_FRAMES, "reference_image", "reference_video", "reference_audio", "file", "link"),
}
_MOST = {"reference_image": 10, "reference_video": 5, "reference_audio": 5}
_PAIRS_I2V = (
    {"first_frame"},
    {"first_frame", "driving_audio"},
    {"first_frame", "last_frame"},
    {"first_frame", "last_frame", "driving_audio"},
    {"first_clip"},
    {"first_clip", "last_frame"},
)
_RATIOS = {
    "2.7-t2v": ("16:9", "9:16", "1:1", "4:3", "3:4"),
    "2.7-r2v": ("16:9", "9:16", "1:1", "4:3", "3:4"),
    "3.0": ("adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"),
}
_EXCLUSIVE = (
    "The two modes are mutually exclusive. "
    "Do not pass reference_xx and first_frame/last_frame at the same time."
)
_NO_FRAME_RATIO = "16:9"


@dataclass(frozen=True, slots=True)
class Item:
    """One medium of a task: its role, its address, and what its length may be in seconds."""

    role: str
    url: str
    kind: str  # "image", "video", "sound", "link", or "any"
    length_s: tuple[float, float] = (0.0, math.inf)


def media_names(model: Model) -> tuple[set[str], set[str]]:
    """Input and parameter names that a model documents beyond those that all have."""
    inputs = {"media"} if model.family != "2.7-t2v" else {"audio_url"}
    parameters = {"resolution"}
    if model.family != "2.7-i2v":
        parameters.add("ratio")
    if model.family == "3.0":
        parameters.add("audio")
    return inputs, parameters


def judge_media(
    model: Model, given: Mapping[str, Any], parameters: Mapping[str, Any], knobs: Knobs, rng: Random
) -> tuple[Plan | None, str | None]:
    """What will be filmed, or the text of the refusal; what the media themselves are is judged later."""
    faults = [
        *_input_faults(model, given, knobs),
        *_resolution_faults(model, parameters),
        *_ratio_faults(model, given, parameters, knobs),
        *_size_faults(parameters, knobs),
        *_duration_faults(model, given, parameters),
        *_number_faults(model, parameters),
    ]
    if faults:
        return None, " & ".join(faults) if knobs.joined_errors == "all" else faults[0]
    tier = str(parameters.get("resolution") or model.default)
    width, height = ratio_size(model, tier, _ratio(parameters), knobs.wan3_sizes)
    if knobs.wan27_size == "obey" and model.generation == "2.7" and "size" in parameters:
        width, height = (int(side) for side in str(parameters["size"]).split("*"))
    duration_s = int(parameters.get("duration") or 5)
    if duration_s == -1:
        duration_s = min(30, max(2, knobs.wan3_smart_seconds))
    seed = parameters.get("seed")
    audio = model.family != "3.0" or parameters.get("audio") is not False
    plan = Plan(
        width=width,
        height=height,
        tier=tier,
        duration_s=duration_s,
        seed=rng.randrange(SEED_MAX + 1) if seed in (None, -1) else int(cast(int, seed)),
        audio=audio,
        watermark=bool(parameters.get("watermark")),
        sound=str(given.get("audio_url") or "") if model.family == "2.7-t2v" else "",
        ratio=_ratio(parameters),
        overrun_s=knobs.wan27_file_overrun_s if model.generation == "2.7" else 0.0,
    )
    return plan, None


def _ratio(parameters: Mapping[str, Any]) -> str:
    ratio = str(parameters.get("ratio") or _NO_FRAME_RATIO)
    return _NO_FRAME_RATIO if ratio == "adaptive" else ratio


def items_of(model: Model, given: Mapping[str, Any]) -> list[Item]:
    """The media of a task that passed its checks, in their order."""
    if model.family == "2.7-t2v":
        return []
    if model.kind == "r2v":
        return [_reference_url(url) for url in cast("list[str]", given.get("reference_urls") or [])]
    items: list[Item] = []
    for entry in _entries(given):
        items += _items(model, entry)
    return items


def _items(model: Model, entry: Mapping[str, Any]) -> Iterator[Item]:
    role, url = str(entry.get("type")), str(entry.get("url"))
    video_s = (2, 10) if role == "first_clip" else (1, 15) if model.family == "3.0" else (1, 30)
    if role in ("first_frame", "last_frame", "reference_image"):
        yield Item(role, url, "image")
    elif role in ("first_clip", "reference_video"):
        yield Item(role, url, "video", video_s)
    elif role == "link":
        yield Item(role, url, "link")
    elif role in ("driving_audio", "reference_audio"):
        yield Item(role, url, "sound", (2, 30) if role == "driving_audio" else (1, 15))
    if voice := entry.get("reference_voice"):
        yield Item("reference_voice", str(voice), "sound", (1, 10))


def _reference_url(url: str) -> Item:
    # The older list says nothing of its kinds; what it is shows when it is fetched.
    return Item("reference_url", url, "any", (1, 30))


def _entries(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    media = given.get("media")
    entries = cast("list[Any]", media) if isinstance(media, list) else []
    return [cast("Mapping[str, Any]", entry) for entry in entries if isinstance(entry, Mapping)]


# -------------------------------------------------------------------------------------------- before any fetch


def _input_faults(model: Model, given: Mapping[str, Any], knobs: Knobs) -> Iterator[str]:
    prompt, entries = given.get("prompt"), _entries(given)
    silent = model.family == "2.7-i2v" and knobs.wan27_null_prompt == "accept"
    if "prompt" in given and not isinstance(prompt, str) and not silent:
        yield "Input should be a valid string: input.prompt"
    elif not prompt and model.family != "2.7-i2v" and not (model.family == "3.0" and entries):
        yield "Field required: input.prompt"
    if isinstance(prompt, str) and len(prompt) > model.prompt_max and knobs.prompt_overlong == "fail":
        yield f"String should have at most {model.prompt_max} characters: input.prompt"
    if model.family == "3.0" and "negative_prompt" in given and knobs.wan3_negative_prompt == "fail":
        yield "Extra inputs are not permitted: input.negative_prompt"
    if model.family == "2.7-t2v":
        if "media" in given and knobs.media_extra_on_t2v == "fail":
            yield "Extra inputs are not permitted: input.media"
        return
    if not entries and model.family != "3.0":
        yield "Field required: input.media"
    wrong = list(_entry_faults(model, entries))
    yield from wrong or _combination_faults(model, entries, knobs)


def _entry_faults(model: Model, entries: list[Mapping[str, Any]]) -> Iterator[str]:
    types = _TYPES[model.family]
    for entry in entries:
        if entry.get("type") not in types:
            quoted = [f"'{name}'" for name in types]
            yield f"Input should be {', '.join(quoted[:-1])} or {quoted[-1]}"
            return
        if not isinstance(entry.get("url"), str) or not entry["url"]:
            yield "Field required: input.media.url"
            return


def _combination_faults(model: Model, entries: list[Mapping[str, Any]], knobs: Knobs) -> Iterator[str]:
    count = Counter(str(entry.get("type")) for entry in entries)
    kinds = set(count)
    if not entries:
        return
    if model.family == "2.7-i2v" and (kinds not in _PAIRS_I2V or max(count.values()) > 1):
        yield f"Unsupported combination of media: {', '.join(sorted(kinds))}"
    elif model.family == "2.7-r2v":
        references = count["reference_image"] + count["reference_video"]
        if not references:
            yield "Only first frame provided is not allowed"
        elif references > 5 or count["first_frame"] > 1:
            yield "The number of reference media should be between 1 and 5"
    elif model.family == "3.0":
        yield from _wan3_faults(count, knobs)


def _wan3_faults(count: Counter[str], knobs: Knobs) -> Iterator[str]:
    frames, others = set(count) & set(_FRAMES), set(count) - set(_FRAMES)
    if frames and others:
        yield _EXCLUSIVE
    elif frames == {"last_frame"} and knobs.wan3_lone_last_frame == "fail":
        yield "Field required: first_frame"
    elif others == {"reference_audio"} and knobs.wan3_lone_audio == "fail":
        yield "reference_audio must be used with reference_image or reference_video"
    for role, most in _MOST.items():
        if count[role] > most:
            yield f"The number of {role} should be at most {most}"
    if count["file"] + count["link"] > 1 or any(count[role] > 1 for role in _FRAMES):
        yield "Only one of its kind is allowed: input.media"


def _resolution_faults(model: Model, parameters: Mapping[str, Any]) -> Iterator[str]:
    resolution = parameters.get("resolution")
    if resolution is not None and resolution not in model.tiers:
        allowed = " or ".join(f"'{tier}'" for tier in reversed(model.tiers))
        yield f"Input should be {allowed}: parameters.resolution"


def _ratio_faults(
    model: Model, given: Mapping[str, Any], parameters: Mapping[str, Any], knobs: Knobs
) -> Iterator[str]:
    ratio = parameters.get("ratio")
    if ratio is None:
        return
    if model.family == "2.7-i2v":
        if knobs.wan27_i2v_ratio == "fail":
            yield "Extra inputs are not permitted: parameters.ratio"
        return
    allowed = [
        one
        for one in _RATIOS[model.family]
        if knobs.wan27_ratio_43 == "accept" or model.generation != "2.7" or one not in ("4:3", "3:4")
    ]
    # With a first frame it is not even looked at.
    ignored = model.family == "2.7-r2v" and any(e.get("type") == "first_frame" for e in _entries(given))
    if ratio not in allowed and not ignored:
        quoted = [f"'{one}'" for one in allowed]
        yield f"Input should be {', '.join(quoted[:-1])} or {quoted[-1]}: parameters.ratio"


def _size_faults(parameters: Mapping[str, Any], knobs: Knobs) -> Iterator[str]:
    size = parameters.get("size")
    if size is None:
        return
    sides = str(size).split("*")
    if len(sides) != 2 or not all(side.isdigit() and int(side) for side in sides):
        yield "Invalid input format, expected format like '480*832'"
    elif knobs.wan27_size == "fail":
        yield "Extra inputs are not permitted: parameters.size"


def _duration_faults(model: Model, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    duration = parameters.get("duration")
    if duration is None:
        return
    first, last = model.durations[0], model.durations[-1]
    if model.family == "2.7-r2v" and any(e.get("type") == "reference_video" for e in _entries(given)):
        last = 10
    if type(duration) is not int:
        yield "Input should be a valid integer: parameters.duration"
    elif not first <= duration <= last and not (model.family == "3.0" and duration == -1):
        yield f"Duration should be between {first} and {last}"


def _number_faults(model: Model, parameters: Mapping[str, Any]) -> Iterator[str]:
    seed = parameters.get("seed")
    if seed is not None and type(seed) is not int:
        yield "Input should be a valid integer: parameters.seed"
    elif seed is not None and not (0 <= seed <= SEED_MAX or (seed == -1 and model.family == "3.0")):
        least = -1 if model.family == "3.0" else 0
        yield f"Input should be greater than or equal to {least}: parameters.seed"
    for name in ("prompt_extend", "watermark", "audio"):
        if parameters.get(name) is not None and not isinstance(parameters[name], bool):
            yield f"Input should be a valid boolean: parameters.{name}"


# ---------------------------------------------------------------------------------------- once they are fetched


def judge_item(item: Item, facts: Mapping[str, Any], size_bytes: int) -> None:
    """Raises BadMediaError for a clip or sound that the models do not take; `facts` are what the worker saw."""
    name = "video" if item.kind == "video" else "audio"
    most_mb = 100 if item.kind == "video" else 15
    if facts["format"] is None:
        wanted = "mp4 or mov" if item.kind == "video" else "wav or mp3"
        raise BadMediaError("InvalidURL", f"The {name} must be {wanted}.")
    if size_bytes > most_mb * 1e6:
        raise BadMediaError("InvalidURL", f"File size is larger than {most_mb}MB.")
    low, high = item.length_s
    if facts["duration_s"] > high:
        text = f"{item.url} duration should be at most {high:g}s, got {facts['duration_s']:.1f}s"
        raise BadMediaError("InvalidParameter", text)
    if facts["duration_s"] < low:
        text = f"{item.url} duration should be at least {low:g}s, got {facts['duration_s']:.1f}s"
        raise BadMediaError("InvalidParameter", text)
    if item.kind == "video":
        sides = sorted((facts["width"], facts["height"]))
        if sides[0] < 240 or sides[1] > 4096 or sides[1] > 8 * sides[0]:
            raise BadMediaError(
                "InvalidParameter",
                "The video resolution is invalid: width and height must be within [240, 4096].",
            )
        if item.role == "reference_video" and high == 15 and facts["fps"] < 16:
            raise BadMediaError("InvalidParameter", "The video fps should be at least 16.")


def judge_lengths(
    model: Model, plan: Plan, seen: Sequence[tuple[Item, Mapping[str, Any]]], knobs: Knobs
) -> float:
    """The seconds that go in and are billed. Raises BadMediaError where lengths do not fit together."""
    videos = [facts["duration_s"] for item, facts in seen if item.kind == "video"]
    sounds = [facts["duration_s"] for item, facts in seen if item.role == "reference_audio"]
    for item, facts in seen:
        if item.role == "first_clip":
            length_s = facts["duration_s"]
            if knobs.first_clip_trim == "frame-rounded":
                length_s = math.ceil(length_s * 30) / 30
            if length_s >= plan.duration_s:
                raise BadMediaError(
                    "InvalidParameter",
                    f"first_clip duration ({length_s:.2f}s after trim) must be less than the requested duration "
                    f"({plan.duration_s}s)",
                )
    if model.family != "3.0":
        return _billed_references(videos, knobs) if model.family == "2.7-r2v" or model.kind == "r2v" else 0.0
    for kind, lengths in (("reference_video", videos), ("reference_audio", sounds)):
        if sum(lengths) > 15:
            text = f"The total duration of {kind} should be at most 15s, got {sum(lengths):.1f}s"
            raise BadMediaError("InvalidParameter", text)
    if videos and sum(videos) + plan.duration_s > 30:
        text = "The total duration of input and output videos should be at most 30s"
        raise BadMediaError("InvalidParameter", text)
    return sum(videos) + (sum(sounds) if knobs.wan3_audio_seconds_billed else 0.0)


def _billed_references(lengths: list[float], knobs: Knobs) -> float:
    if not lengths:
        return 0.0
    if knobs.r2v_input_billing == "split":
        each = {1: 5.0, 2: 2.5}.get(len(lengths), 1.65)
        return sum(min(length, each) for length in lengths)
    return min(sum(lengths), 5.0)
