"""What the service checks about a request: the shape at once, the parameters seconds later.

Only key, headers, JSON shape and model name are judged before a task is made. Everything else makes a task
that fails (measured by third parties, Singapore and Beijing, 2026-08 and 2026-09).
"""

from collections.abc import Mapping
from random import Random
from typing import Any, cast

from footage.emulator.json_body import read_json
from footage.emulator.knobs import Knobs
from footage.emulator.media_checks import judge_media, media_names
from footage.emulator.model_specs import MODELS, SEED_MAX, Model, tier_of
from footage.emulator.model_specs import size_text as _size_text
from footage.emulator.refusals import RefusedError
from footage.emulator.tasks import Plan

# The SDK 2.0.2 adds `extend_prompt` and `function` to every request, so the service must take them.
_SDK_INPUT = frozenset({"extend_prompt", "function"})
_INPUT = frozenset({"prompt", "negative_prompt"})
_PARAMETERS = frozenset({"duration", "prompt_extend", "watermark", "seed"})

Verdict = tuple[str, str]


def served_models(knobs: Knobs) -> list[Model]:
    return [
        model
        for model in MODELS.values()
        if (model.documented or knobs.t2v_flash)
        and (knobs.region is None or knobs.region in model.regions)
        and not knobs.gone(model.name)
    ]


def authorise(headers: Mapping[str, str], knobs: Knobs) -> str:
    """The account of the key, "" for the common one; refuses a wrong key, and a workspace that it does not know."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise RefusedError("InvalidApiKey", "No API-key provided.")
    if not (key in knobs.keys if knobs.keys is not None else key.startswith("sk-") and len(key) > 3):
        raise RefusedError("InvalidApiKey")
    workspace = headers.get("x-dashscope-workspace")
    if workspace and knobs.workspaces is not None and workspace not in knobs.workspaces:
        raise RefusedError("NOT AUTHORIZED")
    # Not the key itself: this is kept on disk.
    accounts = knobs.accounts or ()
    return f"account {accounts.index(key) + 1}" if key in accounts else ""


def read_create(raw: bytes, headers: Mapping[str, str], knobs: Knobs) -> dict[str, Any]:
    """The body of a create call, after the checks that are made at once, in the order the service is
    believed to make them: JSON, async header, model."""
    if len(raw) > knobs.max_body_mb * 1e6:
        raise RefusedError("BadRequest.TooLarge")
    try:
        parsed: object = read_json(raw)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedError(
            "InvalidParameter", "Required body invalid, please check the request body format.", 400
        )
    body = cast(dict[str, Any], parsed)
    if headers.get("x-dashscope-async", "").lower() != "enable":
        raise RefusedError("AccessDenied", "current user api does not support synchronous calls.")
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise RefusedError("BadRequest.EmptyModel")
    if knobs.gone(name):
        raise RefusedError(knobs.retired_code)
    if name not in {model.name for model in served_models(knobs)}:
        raise RefusedError(
            knobs.unknown_model, "Model not exist." if knobs.unknown_model == "InvalidParameter" else None
        )
    if MODELS[name].family == "3.0":
        if knobs.wan3_access != "open":
            raise RefusedError("AccessDenied.Unpurchased")
        if knobs.wan3_shared_hosts == "refuse" and not headers.get("x-dashscope-workspace"):
            raise RefusedError("Endpoint.AccessDenied")
    if not isinstance(body.get("input"), dict):
        raise RefusedError("BadRequest.EmptyInput")
    if not isinstance(body.get("parameters") or {}, dict):
        raise RefusedError(
            "InvalidParameter", "Required body invalid, please check the request body format.", 400
        )
    return body


def parameters_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters; the whole object may be absent."""
    return body.get("parameters") or {}


def foreign_names(body: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Input and parameter names that the model does not document: a clean client sends none.

    The two inputs that every request of the SDK carries are not counted.
    """
    model = MODELS[body["model"]]
    inputs, parameters = set(_INPUT), set(_PARAMETERS)
    if model.kind == "media":
        more = media_names(model)
        inputs, parameters = inputs | more[0], parameters | more[1]
        if model.family == "3.0":
            inputs.discard("negative_prompt")
    else:
        parameters.add("resolution" if model.kind == "i2v" else "size")
    if model.kind == "r2v":
        inputs |= {"reference_urls", "reference_video_urls"}
        parameters.discard("prompt_extend")
    if model.kind == "i2v":
        inputs |= {"img_url", "template"}
    if model.generation == "2.6":
        if model.kind != "r2v":
            inputs.add("audio_url")
        parameters.add("shot_type")
    if model.audio == "switch":
        parameters.add("audio")
    return sorted(set(body["input"]) - inputs - _SDK_INPUT), sorted(set(parameters_of(body)) - parameters)


def judge(body: Mapping[str, Any], knobs: Knobs, rng: Random) -> tuple[Plan | None, Verdict | None]:
    """What will be filmed, or why the task will fail. An i2v plan has no size until its image was seen."""
    model = MODELS[body["model"]]
    given, parameters = body["input"], parameters_of(body)
    if model.kind == "media":
        plan, text = judge_media(model, given, parameters, knobs, rng)
        _, foreign = foreign_names(body)
        if text is None and foreign and knobs.unknown_parameters == "fail":
            plan, text = None, f"Extra inputs are not permitted: parameters.{foreign[0]}"
        return plan, None if text is None else _wrong(text)
    verdict = (
        _check_input(model, given, knobs)
        or _check_geometry(model, parameters)
        or _check_duration(model, parameters, knobs)
        or _check_rest(model, parameters)
    )
    _, foreign = foreign_names(body)
    if verdict is None and foreign and knobs.unknown_parameters == "fail":
        verdict = _wrong(f"Extra inputs are not permitted: parameters.{foreign[0]}")
    if verdict is not None:
        return None, verdict
    tier = str(parameters.get("resolution") or model.default)
    width = height = 0
    if model.kind != "i2v":
        size = str(parameters.get("size") or model.default)
        width, height = (int(side) for side in size.split("*"))
        tier = tier_of(size)
    seed = parameters.get("seed")
    audible = model.audio == "always" or (model.audio == "switch" and parameters.get("audio") is not False)
    return (
        Plan(
            width=width,
            height=height,
            tier=tier,
            duration_s=parameters.get("duration") or 5,
            seed=rng.randrange(SEED_MAX + 1) if seed is None else seed,
            audio=audible,
            watermark=bool(parameters.get("watermark")),
            sound=str(given.get("audio_url") or "") if audible else "",
        ),
        None,
    )


def _wrong(message: str) -> Verdict:
    return "InvalidParameter", message


def _check_input(model: Model, given: Mapping[str, Any], knobs: Knobs) -> Verdict | None:
    prompt = given.get("prompt")
    if "prompt" in given and prompt is not None and not isinstance(prompt, str):
        return _wrong("Input should be a valid string: input.prompt")
    if model.kind != "i2v":
        if "prompt" not in given:
            return _wrong("Field required: input.prompt")
        if prompt is None:
            return _wrong("Input should be a valid string: input.prompt")
        if not prompt.strip() and knobs.empty_prompt == "fail":
            return _wrong("Field required: input.prompt")
        return _check_references(given) if model.kind == "r2v" else None
    if not given.get("img_url"):
        return _wrong("Field required: input.img_url")
    if not isinstance(given["img_url"], str):
        return _wrong("Input should be a valid string: input.img_url")
    return None


def _check_references(given: Mapping[str, Any]) -> Verdict | None:
    urls = given.get("reference_urls")
    if not isinstance(urls, list) or not urls:
        return _wrong("Field required: input.reference_urls")
    if len(cast("list[Any]", urls)) > 5:
        return _wrong("The number of reference media should be between 1 and 5")
    if not all(isinstance(url, str) for url in cast("list[Any]", urls)):
        return _wrong("Input should be a valid string: input.reference_urls")
    return None


def _check_geometry(model: Model, parameters: Mapping[str, Any]) -> Verdict | None:
    if model.kind != "i2v":
        size = parameters.get("size")
        if size is not None and size not in model.sizes:
            return _wrong(f"size must be in {_size_text(model.tiers)}")
        return None
    resolution = parameters.get("resolution")
    if resolution is not None and resolution not in model.tiers:
        allowed = " or ".join(f"'{tier}'" for tier in reversed(model.tiers))
        return _wrong(f"Input should be {allowed}: parameters.resolution")
    return None


def _check_duration(model: Model, parameters: Mapping[str, Any], knobs: Knobs) -> Verdict | None:
    duration = parameters.get("duration")
    if duration is None:
        return None
    if type(duration) is not int:
        return _wrong("Input should be a valid integer: parameters.duration")
    if model.fixed_duration:
        refused = duration not in model.durations or knobs.fixed_duration == "refuse"
        return _wrong("duration customization is not supported") if refused else None
    allowed = list(model.durations)
    if model.name == "wan2.6-t2v-us" and knobs.us_t2v_15s:
        allowed.append(15)
    if duration in allowed:
        return None
    if len(allowed) > 3:
        return _wrong(f"Duration should be between {allowed[0]} and {allowed[-1]}")
    return _wrong(
        f"Input should be {', '.join(map(str, allowed[:-1]))} or {allowed[-1]}: parameters.duration"
    )


def _check_rest(model: Model, parameters: Mapping[str, Any]) -> Verdict | None:
    seed = parameters.get("seed")
    if seed is not None:
        if type(seed) is not int:
            return _wrong("Input should be a valid integer: parameters.seed")
        if seed < 0:
            return _wrong("Input should be greater than or equal to 0: parameters.seed")
        if seed > SEED_MAX:
            return _wrong(f"Input should be less than or equal to {SEED_MAX}: parameters.seed")
    switches = ["prompt_extend", "watermark"] + (["audio"] if model.audio == "switch" else [])
    for name in switches:
        if parameters.get(name) is not None and not isinstance(parameters[name], bool):
            return _wrong(f"Input should be a valid boolean: parameters.{name}")
    shot = parameters.get("shot_type")
    if model.generation == "2.6" and shot not in (None, "single", "multi"):
        return _wrong("Input should be 'single' or 'multi': parameters.shot_type")
    return None
