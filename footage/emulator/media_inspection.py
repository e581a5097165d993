"""Fetches and judges the media of a task, and finds out what the clip will be by them."""

from typing import TYPE_CHECKING, Any

from footage.emulator.media_checks import Item, items_of, judge_item, judge_lengths
from footage.emulator.model_specs import MODELS
from footage.emulator.reference_media import BadMediaError
from footage.emulator.tasks import Task

if TYPE_CHECKING:
    from footage.emulator.service import Service

Seen = list[tuple[Item, dict[str, Any]]]


async def inspect_media(
    service: "Service", task: Task
) -> tuple[tuple[int, int] | None, str | None, dict[str, Any]]:
    """Sides and SHA-256 of what gives the clip its shape, and what else of the plan follows. Raises BadMediaError."""
    row, knobs = MODELS[task.model], service.knobs
    seen: Seen = []
    for item in items_of(row, task.body["input"]):
        seen.append(await _inspected(service, task, item))
    plan = task.plan
    if plan is None:
        return None, None, {}
    more: dict[str, Any] = {"billed_input_s": judge_lengths(row, plan, seen, knobs)}
    by_role = {item.role: facts for item, facts in seen}
    shape = by_role.get("first_frame") or by_role.get("first_clip")
    extends = (
        row.family == "3.0" and task.prompt.startswith("Extend Video 1") and "reference_video" in by_role
    )
    if extends:
        source = next(facts for item, facts in seen if item.role == "reference_video")
        shape = shape or source
        if knobs.wan3_extend_contains_source:
            more |= {"begins_with": source["name"], "overrun_s": source["duration_s"]}
    if "first_clip" in by_role:
        more["begins_with"] = by_role["first_clip"]["name"]
    if "last_frame" in by_role:
        more["ends_with"] = _last_frame(by_role, knobs.last_frame_mismatch)
    if "driving_audio" in by_role:
        more["sound"] = by_role["driving_audio"]["name"]
    obeyed = row.family == "3.0" and knobs.wan3_fixed_ratio_with_first_frame == "obey"
    asked = str((task.body.get("parameters") or {}).get("ratio") or "adaptive")
    if shape is None or (obeyed and asked != "adaptive"):
        return None, None, more | ({"zoom_from": shape["name"]} if shape and "fps" not in shape else {})
    picture = by_role["first_frame"]["name"] if "first_frame" in by_role else None
    return (shape["width"], shape["height"]), picture, more


def _last_frame(by_role: dict[str, dict[str, Any]], mismatch: str) -> str:
    last, first = by_role["last_frame"], by_role.get("first_frame") or by_role.get("first_clip")
    if mismatch == "fail" and first is not None:
        ratios = [facts["width"] / facts["height"] for facts in (first, last)]
        if abs(ratios[0] / ratios[1] - 1) > 0.03:
            text = "The aspect ratio of last_frame should be that of first_frame."
            raise BadMediaError("InvalidParameter", text)
    return str(last["name"])


async def _inspected(service: "Service", task: Task, item: Item) -> tuple[Item, dict[str, Any]]:
    if item.kind == "any":
        return await _of_unknown_kind(service, task, item)
    if item.kind == "image":
        name, sides = await service.inspect_image(task, item.url, _inline(task, item))
        return item, {"name": name, "width": sides[0], "height": sides[1]}
    knobs = service.knobs
    if item.kind == "link":
        if knobs.link_fetch == "fail":
            raise BadMediaError("InvalidParameter", f"Failed to download {item.url}")
        return item, {}
    allowed = knobs.video_data_uri if item.kind == "video" else knobs.reference_voice_data_uri
    if item.url.startswith("data:") and allowed == "fail":
        raise BadMediaError("InvalidURL", "url error, please check url！")
    limit_mb = 101 if item.kind == "video" else 16
    name, size_bytes = await service.bring(task, item.url, limit_mb, _inline(task, item))
    what = "watch" if item.kind == "video" else "listen"
    facts = await service.render_pool.inspect(name, what)
    judge_item(item, facts, size_bytes)
    return item, {**facts, "name": name}


def _inline(task: Task, item: Item) -> str | None:
    """The SHA-256 of a data: URI that was kept apart from the body, by what stands there for it."""
    return next((sha256 for sha256 in task.inlines.values() if item.url.endswith(f"{sha256})")), None)


async def _of_unknown_kind(service: "Service", task: Task, item: Item) -> tuple[Item, dict[str, Any]]:
    """An address of the older list: a clip if it is one, else a picture."""
    if _inline(task, item) is None:
        name, size_bytes = await service.bring(task, item.url, 101)
        facts = await service.render_pool.inspect(name, "watch")
        if facts["format"] is not None:
            clip = Item("reference_video", item.url, "video", item.length_s)
            judge_item(clip, facts, size_bytes)
            return clip, {**facts, "name": name}
    name, sides = await service.inspect_image(task, item.url, _inline(task, item))
    return Item("reference_image", item.url, "image"), {"name": name, "width": sides[0], "height": sides[1]}
