"""What each model does with each field: one function per field, and all of them run, so one answer names all.

Fields of one subject have a module of their own, such as `size_rules.py`; the others are here.

A function yields what becomes of its field: a `FieldReport` (it is honoured, or dropped), a `Problem` (the
request is refused), or a `Note` (the reader should know). What the provider would only refuse after a task was
created, or would change in silence, is refused here.
"""

from __future__ import annotations

from collections.abc import Callable

from footage.catalogue import CATALOGUE, offered_models, unknown_model
from footage.errors import Problem
from footage.order.document import FieldReport
from footage.order.image_rules import reference_image
from footage.order.label_rules import visible_label, watermark
from footage.order.media_rules import extend_from, last_frame, references
from footage.order.prompt_rules import negative_prompt, prompt, prompt_extend, shot_type
from footage.order.quote import SMART_S
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResult, RuleResults
from footage.order.size_rules import size
from footage.order.sound_rules import audio, audio_url
from footage.privacy.display import shown
from footage.values.frame_rate import rate_number

FPS_MAX = 60
TAKE_MAX = 1_000_000


def apply_rules(asked: Ask) -> list[RuleResult]:
    """Everything there is to say about a request, field by field, in the order of the form.

    With `strict`, a dropped field is a problem.
    """
    found = [finding for rule in _RULES for finding in rule(asked)]
    return [_strictly(finding) for finding in found] if asked.request.strict else found


def _strictly(finding: RuleResult) -> RuleResult:
    if not isinstance(finding, FieldReport) or finding.action != "dropped":
        return finding
    return Problem(finding.field, shown(finding.asked), f"{finding.reason} Refused, because strict is on.")


# ------------------------------------------------------------------------------------- where it is made


def _model(a: Ask) -> RuleResults:
    if a.card is None or a.card.name != a.request.model:
        yield unknown_model(a.request.model)
        return
    switch = a.card.switched_on_by
    reason = f"Switched on by {switch}." if switch else "One of the seven."
    yield FieldReport("model", a.request.model, "sent", reason, "model", a.card.name, a.source)
    if not a.card.documented:
        yield Note(
            f"{a.card.name} is in no official table. Only the rules that all models of its generation share "
            "were checked; the provider may refuse it."
        )


def _region(a: Ask) -> RuleResults:
    if a.region_problem is not None:
        yield a.region_problem
    elif a.region is not None:
        chosen = a.request.region is None
        place = CATALOGUE.regions[a.region]
        why = "not given, so the region of the key or of the model" if chosen else "as given"
        reason = f"Decides the endpoint ({place.label}); {why}."
        source = f"{place.source}, read {place.read_on}"
        yield FieldReport(
            "region", a.request.region, "chosen" if chosen else "sent", reason, None, a.region, source
        )


# --------------------------------------------------------------------------------------- length, rate, seed


def _duration(a: Ask) -> RuleResults:
    seconds = a.request.duration
    every = {second for card in offered_models().values() for second in card.durations}
    allowed = a.card.durations_of(a.region) if a.card else tuple(sorted(every))
    whose = a.card.name if a.card else "A Wan model"
    unsure = a.card.durations_unsure if a.card else {}
    if why := next((why for length, why in unsure.items() if length == seconds), None):
        message = f"{whose} is not asked for {seconds} s, because {why}."
        yield Problem("duration", shown(seconds), message, _span(allowed))
    elif a.card and a.card.smart_duration and seconds == -1:
        reason = f"The model chooses; {SMART_S} s are reserved, and what it made is billed."
        yield FieldReport("duration", seconds, "sent", reason, "parameters.duration", seconds, a.source)
    elif seconds not in allowed:
        here = f" in {a.region}" if a.card and a.region in a.card.durations_in else ""
        message = f"{whose} does not make clips of this length{here}."
        yield Problem("duration", shown(seconds), message, f"{_span(allowed)} (whole seconds)")
    elif a.card and a.card.sends_duration:
        reason = "Billed by the second."
        yield FieldReport("duration", seconds, "sent", reason, "parameters.duration", seconds, a.source)
    else:
        # The service refuses the field itself for these models: "duration customization is not supported".
        reason = f"{whose} always makes {seconds} s and takes no length."
        yield FieldReport("duration", seconds, "native", reason, source=a.source)


def _span(numbers: tuple[int, ...]) -> str:
    first, last = min(numbers), max(numbers)
    run = len(numbers) > 2 and numbers == tuple(range(first, last + 1))
    return f"{first} to {last}" if run else ", ".join(map(str, numbers))


def _fps(a: Ask) -> RuleResults:
    rate = a.request.fps
    native = a.card.native_fps if a.card else None
    fps = rate_number(rate)
    if not 1 <= rate <= FPS_MAX:
        yield Problem("fps", shown(fps), "is not a frame rate that is made here.", f"1 to {FPS_MAX}")
    elif rate == native:
        reason = "What the model delivers anyway; no Wan model takes a rate."
        yield FieldReport("fps", fps, "native", reason, source=a.source)
    elif a.request.conform == "auto":
        reason = f"No Wan model takes a rate; what arrives at {native or 'another rate'} is converted here."
        yield FieldReport("fps", fps, "emulated", reason, source=a.source)
    else:
        reason = f"No Wan model takes a rate, and conform is never: it stays at {native or 'what arrives'}."
        yield FieldReport("fps", fps, "dropped", reason, source=a.source)


def _seed(a: Ask) -> RuleResults:
    seed = a.request.seed
    if seed is None:
        # The number itself follows from the whole request and is filled in when there is one.
        reason = "Not given: follows from the rest of the request, so that the same request is the same clip."
        yield FieldReport("seed", None, "chosen", reason, "parameters.seed", None, a.source)
    elif not 0 <= seed <= CATALOGUE.seed_max:
        yield Problem("seed", shown(seed), "is out of range.", f"0 to {CATALOGUE.seed_max}")
    else:
        yield FieldReport("seed", seed, "sent", "As given.", "parameters.seed", seed, a.source)


# --------------------------------------------------------------------------------------------------- the rest


def _motion_strength(a: Ask) -> RuleResults:
    strength = a.request.motion_strength
    if strength is not None:
        reason = "No Wan model has such a setting; say in the prompt how much moves."
        yield FieldReport("motion_strength", strength, "dropped", reason, source=a.source)


def _take(a: Ask) -> RuleResults:
    if not 1 <= a.request.take <= TAKE_MAX:
        yield Problem("take", shown(a.request.take), "is not the number of a take.", f"1 to {TAKE_MAX}")


_RULES: tuple[Callable[[Ask], RuleResults], ...] = (
    _model,
    _region,
    prompt,
    negative_prompt,
    _duration,
    _fps,
    size,
    _seed,
    reference_image,
    extend_from,
    last_frame,
    references,
    _motion_strength,
    prompt_extend,
    shot_type,
    audio,
    audio_url,
    watermark,
    visible_label,
    _take,
)
