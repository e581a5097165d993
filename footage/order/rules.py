"""What each model does with each field: one function per field, and all of them run, so one answer names all.

A function yields what becomes of its field: a `FieldReport` (it is honoured, or dropped), a `Problem` (the
request is refused), or a `Note` (the reader should know). What the provider would only refuse after a task was
created, or would change in silence, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from footage.catalogue import CATALOGUE, ModelCard, offered_models, tier_of, unknown_model
from footage.errors import Problem
from footage.order.document import IMAGE_PLACEHOLDER, FieldReport
from footage.order.geometry import delivered_size, follows_picture, ratio_of, size_of_ratio
from footage.order.media_rules import extend_from, last_frame, references
from footage.order.quote import SMART_S
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResult, RuleResults
from footage.order.sound_rules import audio, audio_url
from footage.order.text import color_problem, sent_prompt, text_problem
from footage.privacy.display import shown, shown_reference
from footage.request import VideoRequest
from footage.values.frame_rate import rate_number

FPS_MAX = 60
TAKE_MAX = 1_000_000
# Width and height with 2 to 4 digits: all that is asked of a model whose sizes no page lists.
SIZE = re.compile(r"[1-9][0-9]{1,3}\*[1-9][0-9]{1,3}")
_LABEL_SOURCE = "GB 45438-2025, read 2026-11-28"
_ALMOST_SIZE = re.compile(r"\s*([0-9]{2,4})\s*[xX×*,:/]\s*([0-9]{2,4})\s*")


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


# ------------------------------------------------------------------------------------------ what it shows


def _prompt(a: Ask) -> RuleResults:
    # The longest limit of all stands in for a model that is not known.
    most = a.card.prompt_max if a.card else max(card.prompt_max for card in offered_models().values())
    text = a.request.prompt.strip()
    if not text:
        yield Problem("prompt", shown(a.request.prompt), "is empty; say what the clip shows.")
        return
    continues = a.request.extend_from is not None and a.card is not None
    sent = sent_prompt(text, a.card.name) if continues and a.card else text
    if problem := text_problem("prompt", sent, most, a.card.name if a.card else "any model"):
        yield problem
    elif sent != text:
        reason = "The model takes a clip as one that goes on when the prompt says so."
        yield FieldReport("prompt", a.request.prompt, "converted", reason, "input.prompt", sent, a.source)
    else:
        yield _text_report("prompt", a.request.prompt, text, a.source)


def _negative_prompt(a: Ask) -> RuleResults:
    text = (a.request.negative_prompt or "").strip()
    most = CATALOGUE.negative_prompt_max
    if problem := text_problem("negative_prompt", text, most, "every model"):
        yield problem
    elif text and a.card and not a.card.negative_prompt:
        reason = f"{a.card.name} has no such field; say in the prompt what must not be seen."
        yield FieldReport("negative_prompt", text, "dropped", reason, source=a.source)
    elif text:
        yield _text_report("negative_prompt", a.request.negative_prompt, text, a.source)


def _text_report(field: str, given: str | None, text: str, source: str | None) -> FieldReport:
    if given == text:
        return FieldReport(field, given, "sent", "As written.", f"input.{field}", text, source)
    reason = "Without the white space around it."
    return FieldReport(field, given, "converted", reason, f"input.{field}", text, source)


# --------------------------------------------------------------------------------- length, rate, size, seed


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


def _size(a: Ask) -> RuleResults:
    size = a.request.size
    offered = a.card.sizes if a.card else ()
    if a.card and a.card.documented and not _makes(a.card, size):
        yield _size_problem(size, offered, a.card.name)
    elif not SIZE.fullmatch(size):
        yield _size_problem(size, offered, a.card.name if a.card else "the model")
    elif a.card and a.card.protocol == "legacy" and a.card.first_frame == "none":
        reason = "Decides the price tier." if a.card.documented else "Its sizes are documented nowhere."
        yield FieldReport("size", size, "sent", reason, "parameters.size", size, a.source)
    elif a.card and a.card.ratios and not follows_picture(a.request):
        yield from _tier_and_ratio(a, a.card, size)
    elif a.card and (tier := tier_of(size)):
        if "adaptive" in a.card.ratios:
            reason = "The shape is that of the first frame, or of the clip that goes on."
            yield FieldReport("size", size, "converted", reason, "parameters.ratio", "adaptive", a.source)
        if a.request.reference_image is None and a.request.extend_from is not None:
            reason = "The tier decides the price; the shape is that of the clip that goes on."
            yield FieldReport("size", size, "converted", reason, "parameters.resolution", tier, a.source)
            return
        shape = "its own shape" if a.request.fit == "keep" else f"{size} by {a.request.fit}"
        reason = f"i2v models take a tier (it decides the price) and follow the image, brought to {shape}."
        width, height = (int(side) for side in size.split("*"))
        comes = "*".join(map(str, delivered_size(width, height, tier)))
        if a.request.fit != "keep" and comes != size:
            if a.request.conform == "never":
                yield Note(f"The clip will come as {comes}, and conform is never: it stays so.")
            else:
                reason += f" It will come as {comes} and is brought to {size} here."
        yield FieldReport("size", size, "converted", reason, "parameters.resolution", tier, a.source)


def _makes(card: ModelCard, size: str) -> bool:
    # A model that takes tier and ratio is asked for the nearest one of another list's sizes, too.
    return size in card.sizes or (card.protocol == "media" and tier_of(size) in card.tiers)


def _tier_and_ratio(a: Ask, card: ModelCard, size: str) -> RuleResults:
    ratio, comes = ratio_of(card, size), "*".join(map(str, size_of_ratio(card, size)))
    reason = f"{card.name} takes a tier, which decides the price, and a ratio."
    if comes != size and a.request.conform == "never":
        yield Note(f"The clip will come as {comes}, and conform is never: it stays so.")
    elif comes != size:
        reason += f" It will come as {comes} and is brought to {size} here."
    yield FieldReport("size", size, "converted", reason, "parameters.resolution", tier_of(size), a.source)
    yield FieldReport("size", size, "converted", "The nearest one.", "parameters.ratio", ratio, a.source)


def _size_problem(size: str, offered: tuple[str, ...], whose: str) -> Problem:
    allowed = ", ".join(offered) or 'width*height, such as "1280*720"'
    almost = _ALMOST_SIZE.fullmatch(size)
    meant = f"{almost[1]}*{almost[2]}" if almost else ""
    if meant != size and (meant in offered or (meant and tier_of(meant))):
        message = f"Write it with an asterisk and without spaces: {meant}."
        if offered and meant not in offered:
            message += f" And {whose} does not make it."
        return Problem("size", shown(size), message, allowed)
    if not SIZE.fullmatch(size):
        message = "Give width and height in pixels, not a ratio and not a tier."
        return Problem("size", shown(size), message, allowed)
    default = VideoRequest.model_fields["size"].default
    tier = f" ({tier_of(size)})" if tier_of(size) else ""
    message = f"{whose} does not make this size{tier}{', which is the default' if size == default else ''}."
    return Problem("size", shown(size), message, allowed)


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


# ----------------------------------------------------------------------------------------- picture and motion


def _reference_image(a: Ask) -> RuleResults:
    reference = a.request.reference_image
    if problem := color_problem("pad_color", a.request.pad_color):
        yield problem
    if a.card is None:
        yield from a.image.problems if a.image else ()
        return
    if a.card.first_frame == "none":
        if reference is not None:
            from_what = "text alone" if a.card.references is None else "text and references"
            message = f"{a.card.name} makes clips from {from_what} and takes no image."
            takers = ", ".join(name for name, c in offered_models().items() if c.first_frame != "none")
            yield Problem("reference_image", shown(reference), message, f"an image with {takers}")
        return
    if reference is None:
        may_go_without = a.card.continues_as is not None and a.request.extend_from is not None
        if a.card.first_frame == "optional" or may_go_without:
            return
        message = f"{a.card.name} makes clips from an image; give the first frame."
        yield Problem("reference_image", "(not given)", message, "a URL, a file path, a data: URI")
        return
    if a.image is None:
        return
    yield from a.image.problems
    if a.image.prepared:
        changes = a.image.prepared.changes
        reason = "Sent inline. " + (f"Prepared: {'; '.join(changes)}." if changes else "As it is.")
        action = "converted" if changes else "sent"
        yield FieldReport(
            "reference_image",
            shown_reference(reference),
            action,
            reason,
            "input.img_url" if a.card.protocol == "legacy" else "input.media[first_frame]",
            IMAGE_PLACEHOLDER,
            a.source,
        )
        if a.request.fit == "keep":
            yield Note("fit is keep: the clip follows the shape of the image; `size` only decides the tier.")


def _motion_strength(a: Ask) -> RuleResults:
    strength = a.request.motion_strength
    if strength is not None:
        reason = "No Wan model has such a setting; say in the prompt how much moves."
        yield FieldReport("motion_strength", strength, "dropped", reason, source=a.source)


def _prompt_extend(a: Ask) -> RuleResults:
    given = a.request.prompt_extend
    wire = "parameters.prompt_extend"
    if a.card and not a.card.prompt_extend:
        if given is not None:
            reason = f"{a.card.name} has no such field."
            yield FieldReport("prompt_extend", given, "dropped", reason, source=a.source)
    elif given is not None:
        yield FieldReport("prompt_extend", given, "sent", "As given.", wire, given, a.source)
    elif a.card:
        default = a.card.prompt_extend_default
        reason = "The provider's own default, said explicitly."
        yield FieldReport("prompt_extend", None, "chosen", reason, wire, default, a.source)


def _shot_type(a: Ask) -> RuleResults:
    given = a.request.shot_type
    if given is None or a.card is None:
        return
    if not a.card.shot_type:
        message = f"{a.card.name} has no shot type."
        yield Problem("shot_type", shown(given), message, "leave it out, or take a 2.6 model")
        return
    yield FieldReport("shot_type", given, "sent", "As given.", "parameters.shot_type", given, a.source)
    if a.request.prompt_extend is False:
        yield Note("shot_type acts only while prompt_extend is true; as asked, it has no effect.")


# --------------------------------------------------------------------------------------------------- the rest


def _watermark(a: Ask) -> RuleResults:
    given, sent = a.request.watermark, a.request.asks_watermark
    action, reason = (
        ("sent", "Said explicitly.") if given == sent else ("converted", "visible_label asks for it.")
    )
    yield FieldReport("watermark", given, action, reason, "parameters.watermark", sent, a.source)


def _visible_label(a: Ask) -> RuleResults:
    given = a.request.visible_label
    if given == "own":
        reason = (
            "Drawn here after delivery, on a copy: AI生成, top right, for the first 3 s, higher than 5 % of the short "
            "side. The clip without it is kept."
        )
        yield FieldReport("visible_label", given, "emulated", reason, source=_LABEL_SOURCE)
    elif given == "provider" and a.card:
        if not a.card.documented:
            makers = ", ".join(name for name, one in offered_models().items() if one.documented)
            message = f"No page says that {a.card.name} draws one, so its clip may come without."
            yield Problem(
                "visible_label", shown(given), message, f"own, none, or provider with one of {makers}"
            )
            return
        reason = "Asked of the provider, as watermark; its height and time are the provider's."
        yield FieldReport("visible_label", given, "converted", reason, source=a.source)


def _take(a: Ask) -> RuleResults:
    if not 1 <= a.request.take <= TAKE_MAX:
        yield Problem("take", shown(a.request.take), "is not the number of a take.", f"1 to {TAKE_MAX}")


_RULES: tuple[Callable[[Ask], RuleResults], ...] = (
    _model,
    _region,
    _prompt,
    _negative_prompt,
    _duration,
    _fps,
    _size,
    _seed,
    _reference_image,
    extend_from,
    last_frame,
    references,
    _motion_strength,
    _prompt_extend,
    _shot_type,
    audio,
    audio_url,
    _watermark,
    _visible_label,
    _take,
)
