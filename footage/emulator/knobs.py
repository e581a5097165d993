"""Everything about the service that is inferred or unknown, and what a test bench wants to set."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast, get_args, get_type_hints


def _knob(default: Any, doc: str) -> Any:
    if isinstance(default, (list, dict)):
        raise TypeError("knobs have immutable defaults")
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Knobs:
    """One switch per fact that nobody outside Alibaba can prove. Defaults are the best guess."""

    generation_s: float | None = _knob(
        None, "generation time of every model, in virtual seconds; none: per model"
    )
    generation_jitter: float = _knob(0.15, "generation times vary by this share, either way")
    start_delay_s: float = _knob(0.05, "how long a task stays PENDING when nothing is ahead of it")
    check_delay_min_s: float = _knob(0.1, "earliest moment a parameter error surfaces after the submission")
    check_delay_max_s: float = _knob(3.0, "latest moment a parameter error surfaces after the submission")
    rate_limits: bool = _knob(True, "false: no submit rate and no query rate are enforced")
    submit_rps: int | None = _knob(None, "submissions a second of every model; none: the documented figure")
    query_qps: int | None = _knob(20, "task, list and cancel calls a second, each; none: no limit")
    concurrency: int | None = _knob(None, "running tasks of every model; none: the documented figure")
    queue_limit: int = _knob(500, "tasks that may wait as PENDING per model (documented for Beijing)")
    overflow_code: str = _knob("Throttling.Concurrency", "code of the 429 when the queue is full (unknown)")
    region: str | None = _knob(None, "serve only the models of this region; none: all")
    t2v_flash: bool = _knob(False, "whether wan2.2-t2v-flash exists (no official table has it)")
    unknown_model: str = _knob(
        "InvalidParameter", "code for an unknown model; or ModelNotFound, Model.AccessDenied"
    )
    unknown_parameters: str = _knob(
        "ignore", "ignore, or fail: the task fails on a name that the model lacks"
    )
    us_t2v_15s: bool = _knob(False, "whether wan2.6-t2v-us takes 15 s (two official pages disagree)")
    fixed_duration: str = _knob(
        "accept", "accept: duration 5 may be sent to fixed-5 models; refuse: none may"
    )
    empty_prompt: str = _knob("fail", "fail or accept: an empty prompt to a t2v model")
    orig_prompt: str = _knob("full", "full or truncated: what orig_prompt holds when the prompt was too long")
    utc_offset_hours: float = _knob(8.0, "zone of task times; +8 is proved for Beijing only")
    page_size_max: int = _knob(100, "longest page of the list; larger values are cut to it")
    list_lag_s: float = _knob(0.0, "virtual seconds until a new task appears in the list")
    cancel_unknown: str = _knob("UnsupportedOperation", "code when an unknown task is cancelled; or NotFound")
    retention_s: float = _knob(86400.0, "life of task records and result URLs, in virtual seconds")
    retention_from: str = _knob("submit", "submit or end: what a task record's life is counted from")
    retiring: tuple[str, ...] | None = _knob(None, "models that the next four knobs are about; none: none")
    offline_time: str | None = _knob(
        None, "when they stop, as the list of models has it: 2026-12-31 00:00:00 (+8)"
    )
    retiring_limit: int | None = _knob(
        None, "their creates a second and running tasks meanwhile; none: as before"
    )
    retired: bool = _knob(False, "they are gone: not listed, and a create is refused")
    retired_code: str = _knob("Model.AccessDenied", "code of that refusal; or ModelNotFound")
    media_extra_on_t2v: str = _knob("ignore", "ignore or fail: media to wan2.7-t2v")
    wan3_shared_hosts: str = _knob("accept", "accept, or refuse: wan3.0 without the header of a workspace")
    wan3_access: str = _knob("open", "open, or asked: a create of wan3.0 is AccessDenied.Unpurchased")
    wan3_negative_prompt: str = _knob("ignore", "ignore or fail: a negative prompt to wan3.0")
    wan3_lone_last_frame: str = _knob("fail", "fail or accept: a last frame without a first one")
    wan3_lone_audio: str = _knob("accept", "accept or fail: a voice as the only reference")
    wan3_extend_contains_source: bool = _knob(False, "whether a clip that goes on begins with its source")
    wan3_smart_seconds: int = _knob(8, "what the length -1 becomes, 2 to 30")
    wan3_fixed_ratio_with_first_frame: str = _knob(
        "obey", "obey, or ignore: a ratio that is not adaptive beside a first frame"
    )
    wan3_audio_seconds_billed: bool = _knob(False, "whether seconds of voices are billed")
    wan3_sizes: str = _knob("table", "table: the sizes of 2.7; probe: by the rule for pictures")
    wan27_size: str = _knob("ignore", "ignore, obey or fail: a well-formed size to wan2.7")
    wan27_ratio_43: str = _knob("accept", "accept or fail: 4:3 and 3:4 to wan2.7")
    wan27_i2v_ratio: str = _knob("ignore", "ignore or fail: a ratio to wan2.7-i2v")
    wan27_null_prompt: str = _knob("accept", "accept or fail: a prompt that is null to wan2.7-i2v")
    wan27_file_overrun_s: float = _knob(0.16, "so much longer than asked are the files of wan2.7")
    first_clip_trim: str = _knob("as sent", "as sent, or frame-rounded: the length that a clip counts with")
    r2v_input_billing: str = _knob(
        "sum", "sum: at most 5 s of all clips; split: at most 5, 2.5 or 1.65 s each"
    )
    last_frame_mismatch: str = _knob("stretch", "stretch or fail: a last frame of another shape")
    prompt_overlong: str = _knob("cut", "cut, or fail: a prompt that is too long for 2.7 and 3.0")
    reference_voice_data_uri: str = _knob("fail", "fail or accept: a voice as a data: URI")
    video_data_uri: str = _knob("fail", "fail or accept: a clip as a data: URI")
    joined_errors: str = _knob("all", "all: texts of several faults joined; first: only the first one")
    usage_ratio_text: str = _knob("enum", "enum: the ratio asked for; picture: that of the pixels")
    actual_prompt_new: str = _knob("absent", "absent or present: actual_prompt of 2.7 and 3.0")
    link_fetch: str = _knob("ok", "ok or fail: what a link of wan3.0 leads to")
    keys: tuple[str, ...] | None = _knob(None, "accepted keys; none: every key that starts with sk-")
    accounts: tuple[str, ...] | None = _knob(
        None, "keys that are each of an account of its own; all other keys are of one account"
    )
    workspaces: tuple[str, ...] | None = _knob(None, "known workspace ids; none: every one")
    gzip: bool = _knob(True, "compress answers for clients that accept it")
    max_body_mb: float = _knob(40.0, "largest request body (undocumented)")
    image_side_min: int = _knob(240, "smallest image side in pixels; older pages say 360")
    image_side_max: int = _knob(8000, "largest image side in pixels; older pages say 2000")
    image_max_mb: float = _knob(20.0, "largest image file; older pages say 10")
    image_alpha: str = _knob("fail", "fail or accept: a PNG with an alpha channel")
    image_redirects: bool = _knob(False, "whether a redirecting image URL is followed")
    i2v_rounding: str = _knob("floor16", "floor16 or round16: how i2v sides are brought to multiples of 16")
    usage_types: str = _knob(
        "documented", "documented; strings: SR and durations arrive as text; ints: as whole numbers"
    )
    push_url: str | None = _knob(None, "where to send an event when a task ends; none: nowhere")
    push_token: str = _knob("emulator", "token of that target")
    push_region: str = _knob("cn-beijing", "region that events are of, such as that of the receiver's key")
    push_mode: str = _knob(
        "once",
        "once, never, twice, late (5 s), reversed (after that of the next task that ends), unknown (of a task "
        "that nobody has), newline (signed with one more), stale, "
        "forged (another key), token (a wrong one), or altered (the body)",
    )
    push_retry_s: float = _knob(
        1.0,
        "real seconds until an event that is not answered with 2xx is sent again, doubled each time; 0: never",
    )
    fps: int = _knob(30, "frames a second of the results; older pages say 24")
    render: str = _knob(
        "full",
        "full: moving pictures; tiny: a still with the right size, duration and fps; same: one still for all of a size",
    )
    aigc: str = _knob(
        "one", "the results' AIGC label: one, none, broken (half of it), or twice (they differ)"
    )
    render_workers: int = _knob(2, "processes that render")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Knobs":
        """Knobs from names and JSON values. ValueError names what is wrong and what is allowed."""
        if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - JSON of strangers
            raise ValueError("emulator knobs are a JSON object of names and values")
        known = {entry.name for entry in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown emulator knobs {unknown}; known: {sorted(known)}")
        turned: dict[str, Any] = {}
        for name, value in values.items():
            # JSON has no tuples.
            turned[name] = tuple(cast("list[str]", value)) if isinstance(value, list) else value
            if (allowed := _wanted(get_type_hints(cls)[name], name, turned[name])) is not None:
                raise ValueError(f"the emulator knob {name} is {allowed}, not {value!r:.80}")
        return cls(**turned)

    def limit_of(self, model: str) -> int | None:
        """What is left to a model that retires; None for the others."""
        return self.retiring_limit if model in (self.retiring or ()) else None

    def gone(self, model: str) -> bool:
        """Whether a model was retired."""
        return self.retired and model in (self.retiring or ())

    def with_changes(self, values: Mapping[str, Any]) -> "Knobs":
        return self.from_mapping(
            {**{entry.name: getattr(self, entry.name) for entry in fields(self)}, **values}
        )


# Where 0 has no meaning.
_AT_LEAST_1 = (
    "fps",
    "render_workers",
    "page_size_max",
    "submit_rps",
    "query_qps",
    "concurrency",
    "retiring_limit",
)
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of texts",
    type(None): "null",
}


def _wanted(kind: Any, name: str, value: Any) -> str | None:
    """What a knob may be, in words; None when the value is that."""
    kinds = get_args(kind) if type(None) in get_args(kind) else (kind,)
    least = 1 if name in _AT_LEAST_1 else -24 if name == "utc_offset_hours" else 0
    if any(_is(one, value, least) for one in kinds):
        return None
    numbers = f" of {least} or more" if int in kinds or float in kinds else ""
    return f"{_WORDS[kinds[0]]}{numbers}" + (" or null" if len(kinds) > 1 else "")


def _is(kind: Any, value: Any, least: int) -> bool:
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value) and least <= value <= 1e15
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= 10**9
    if kind is bool or kind is str or kind is type(None):
        return isinstance(value, kind)
    return isinstance(value, tuple) and all(isinstance(item, str) for item in cast("tuple[Any, ...]", value))
