"""A task as the service keeps it, and the JSON shapes it answers with.

Source: Model Studio docs, text-to-video and image-to-video API references and manage-asynchronous-tasks,
read 2026-10; headers and list rows from raw third-party captures of 2024.
"""

from dataclasses import dataclass, field
from typing import Any

from footage.emulator.clock import task_time
from footage.emulator.knobs import Knobs
from footage.emulator.model_specs import MODELS

FINAL = ("SUCCEEDED", "FAILED", "CANCELED")


@dataclass(slots=True)
class Plan:
    """What will be filmed, in pixels and seconds; `zoom_from` is the SHA-256 of an i2v task's image."""

    width: int
    height: int
    tier: str
    duration_s: int
    seed: int
    audio: bool
    watermark: bool
    sound: str = ""
    zoom_from: str | None = None
    # SHA-256 of the clip that it begins with, and of the picture that it ends with.
    begins_with: str | None = None
    ends_with: str | None = None
    ratio: str = ""
    # What is longer in the file than was asked for, and what of the input is billed.
    overrun_s: float = 0.0
    billed_input_s: float = 0.0


@dataclass(slots=True)
class Task:
    """Times are virtual seconds since the epoch."""

    task_id: str
    request_id: str
    model: str
    body: dict[str, Any]
    submitted_s: float
    checks_until_s: float
    generation_s: float
    status: str = "PENDING"
    scheduled_s: float | None = None
    ended_s: float | None = None
    plan: Plan | None = None
    # Why it will end FAILED; ("", "") is a failure without code and message.
    verdict: tuple[str, str] | None = None
    media_pending: bool = False
    resolve_oss: bool = False
    # Of media that came as data: URIs in a list, by their place.
    inlines: dict[str, str] = field(default_factory=dict[str, str])
    inline: str | None = None  # SHA-256 of an image that came as a data URI, kept apart from the body
    stuck_pending: bool = False
    overdue: bool = False
    video: str | None = None
    result_path: str | None = None  # path and query of its signed URL
    billed_s: float = 0
    unknown_polls: int = 0  # -1: for ever
    listed_from_s: float = 0.0
    polls: int = 0
    expanded: str | None = None
    # Who made it; keys of other accounts do not see it.
    account: str = ""

    @property
    def prompt(self) -> str:
        prompt = self.body.get("input", {}).get("prompt")
        return prompt if isinstance(prompt, str) else ""

    @property
    def final(self) -> bool:
        return self.status in FINAL


def orig_prompt(task: Task, knobs: Knobs) -> str:
    return task.prompt[: MODELS[task.model].prompt_max] if knobs.orig_prompt == "truncated" else task.prompt


def answer(task: Task, knobs: Knobs, host: str) -> dict[str, Any]:
    """`output` and, when it succeeded, `usage` of a query's answer; results lie on `host`."""
    hours = knobs.utc_offset_hours
    output: dict[str, Any] = {"task_id": task.task_id, "task_status": task.status}
    output["submit_time"] = task_time(task.submitted_s, hours)
    if task.scheduled_s is not None:
        output["scheduled_time"] = task_time(task.scheduled_s, hours)
    if task.ended_s is not None:
        output["end_time"] = task_time(task.ended_s, hours)
    if task.status == "FAILED" and task.verdict and task.verdict[0]:
        output["code"], output["message"] = task.verdict
    if task.status != "SUCCEEDED" or task.plan is None:
        return {"output": output}
    output["orig_prompt"] = orig_prompt(task, knobs)
    if task.expanded is not None:
        output["actual_prompt"] = task.expanded
    output["video_url"] = f"{host}{task.result_path}"
    return {"output": output, "usage": usage(task.model, task.plan, knobs)}


def usage(model: str, plan: Plan, knobs: Knobs) -> dict[str, Any]:
    """What is billed, in the shape of the model's generation."""
    row, size = MODELS[model], f"{plan.width}*{plan.height}"
    if row.kind == "media":
        return _typed(_media_usage(row.generation, row.family, plan, knobs), knobs)
    if row.generation != "2.6":
        return {"video_duration": plan.duration_s, "video_ratio": size, "video_count": 1}
    # The t2v reference types the durations as float, the i2v one as integer; its example prints 10 for both.
    found: dict[str, Any] = {"duration": _number(plan.duration_s + plan.billed_input_s)}
    if row.kind != "i2v":
        found["size"] = size
    found["input_video_duration"] = _number(plan.billed_input_s)
    found |= {"output_video_duration": plan.duration_s, "video_count": 1}
    found["SR"] = int(plan.tier.rstrip("P"))
    if row.audio == "switch":
        found["audio"] = plan.audio
    return _typed(found, knobs)


def _media_usage(generation: str, family: str, plan: Plan, knobs: Knobs) -> dict[str, Any]:
    """The shape of 2.7 and 3.0: no size; the page of 3.0 prints floats, a live answer had whole numbers."""
    ratio = plan.ratio or "16:9"
    if knobs.usage_ratio_text == "picture":
        ratio = f"{plan.width}:{plan.height}"
    output_s: float = float(plan.duration_s) if generation == "3.0" else plan.duration_s
    found: dict[str, Any] = {
        "duration": output_s + _number(plan.billed_input_s),
        "input_video_duration": _number(plan.billed_input_s),
        "output_video_duration": output_s,
        "video_count": 1,
        "SR": int(plan.tier.rstrip("P")),
    }
    if generation == "3.0":
        found["fps"] = knobs.fps
    if family != "2.7-i2v":
        found["ratio"] = ratio
    return found


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else round(value, 2)


def _typed(found: dict[str, Any], knobs: Knobs) -> dict[str, Any]:
    if knobs.usage_types == "strings":
        return {name: str(value) if type(value) in (int, float) else value for name, value in found.items()}
    if knobs.usage_types == "ints":
        return {name: round(value) if type(value) is float else value for name, value in found.items()}
    return found


def list_row(task: Task) -> dict[str, Any]:
    """One row of the task list: epoch milliseconds, no prompt, no seed, no URL."""
    row: dict[str, Any] = {
        "api_key_id": "42677",
        "caller_parent_id": "1493478651020171",
        "caller_uid": "1493478651020171",
        "gmt_create": _ms(task.submitted_s),
        "model_name": task.model,
        "region": "cn-beijing",
        "request_id": task.request_id,
        "status": task.status,
        "task_id": task.task_id,
        "user_api_unique_key": f"apikey:v1:aigc:video-generation:video-synthesis:{task.model}",
    }
    if task.scheduled_s is not None:
        row["start_time"] = _ms(task.scheduled_s)
    if task.ended_s is not None:
        row["end_time"] = _ms(task.ended_s)
    return row


def _ms(at_s: float) -> int:
    return int(at_s * 1000)
