"""Makes the order, or says everything that is wrong."""

from __future__ import annotations

import dataclasses
import hashlib

from footage.catalogue import ModelCard, card, offered_models, tier_of
from footage.errors import InvalidRequest, Problem
from footage.order.document import Expected, FieldReport, ImageFacts, MediumFacts, Order
from footage.order.geometry import delivered_size, size_of_ratio
from footage.order.key import VERSION, seed_and_key
from footage.order.quote import quote
from footage.order.rule_input import ask
from footage.order.rule_results import Note, RuleResult
from footage.order.rules import apply_rules
from footage.privacy.display import shown_reference
from footage.privacy.redact import redact
from footage.reference import Medium, ReferenceImage
from footage.reference.media import media_asked
from footage.request import VideoRequest

# What goes in and is billed, where a model bills it.
_BILLED = ("video", "extend_from")


def request_problems(
    request: VideoRequest,
    *,
    default_region: str | None = None,
    image: ReferenceImage | None = None,
    media: tuple[Medium, ...] = (),
) -> list[Problem]:
    """Everything that is wrong with a request; what is wrong with the bytes of its media only if they are given."""
    found = apply_rules(ask(request, default_region, image, media))
    return [finding for finding in found if isinstance(finding, Problem)]


def plan(
    request: VideoRequest,
    *,
    default_region: str | None = None,
    image: ReferenceImage | None = None,
    media: tuple[Medium, ...] = (),
) -> Order:
    """Turn a request into the order that can be bought.

    `default_region` is the region of the key or the settings, if one is known; `image` is what
    `footage.reference.read_reference` made of the request's reference image, `media` what `read_media` made of the
    rest.

    Raises:
        InvalidRequest: `problems` names every field that is wrong, the image included; nothing was sent.
        ValueError: The request needs an image or another medium that was not read.
    """
    asked = ask(request, default_region, image, media)
    found = apply_rules(asked)
    problems = tuple(finding for finding in found if isinstance(finding, Problem))
    if problems:
        raise InvalidRequest(problems=problems)
    model = card(request.model)
    region = asked.region or model.regions[0]
    facts = _image_facts(request, model, image)
    others = tuple(MediumFacts.of(medium) for medium in media)
    if len(others) < len(list(media_asked(request))):
        raise ValueError("plan() needs the media that read_media() made of this request.")
    input_s = sum(one.duration_s for one in others if one.role in _BILLED and model.input_billed_max_s)
    whole = _with_defaults(request, model, region)
    shown_link = redact(whole.audio_url)
    signed = whole.audio_url if whole.audio_url != shown_link else None
    seed, key = seed_and_key(
        whole, facts.source_sha256 if facts else None, [(one.role, one.source_sha256) for one in others]
    )
    reports = [finding for finding in found if isinstance(finding, FieldReport)]
    price = quote(
        model,
        region,
        whole.size,
        audio=whole.audio is not False,
        seconds=int(whole.duration),
        input_s=input_s,
    )
    return Order(
        key=key,
        key_version=VERSION,
        request=whole.model_copy(update={"seed": seed, "audio_url": shown_link}),
        kind=model.kind,
        model=model.name,
        region=region,
        seed=seed,
        explain=tuple(dataclasses.replace(r, sent=seed) if r.field == "seed" else r for r in reports),
        quote=price,
        expected=_expected(whole, model, facts, others, min(input_s, model.input_billed_max_s)),
        image=facts,
        media=others,
        warnings=(*_warnings(found), *((price.note,) if price.note else ())),
        audio_url_sha256=None if signed is None else hashlib.sha256(signed.encode("ascii")).hexdigest(),
        audio_link=signed,
    )


def priced_anew(order: Order, region: str) -> Order:
    """The same order bought in a region at today's price; as it is where the model is not offered there (any more)."""
    model = offered_models().get(order.model)
    if model is None or region not in model.regions:
        return order
    price = quote(
        model,
        region,
        order.request.size,
        audio=order.request.audio is not False,
        seconds=int(order.request.duration),
        input_s=order.expected.billed_input_s,
    )
    warnings = [warning for warning in order.warnings if warning != order.quote.note]
    return dataclasses.replace(
        order,
        region=region,
        request=order.request.model_copy(update={"region": region}),
        quote=price,
        warnings=(*warnings, *((price.note,) if price.note else ())),
    )


def ordered_in(order: Order, region: str | None, key_region: str | None) -> Order:
    """A stored order as it is bought now: in `region`, or in none given where `Order.region_for` says.

    Raises:
        InvalidRequest: The model is not offered in `region`.
    """
    if region is not None:
        wanted = order.request.model_copy(update={"region": region})
        if (problem := ask(wanted, None, None).region_problem) is not None:
            raise InvalidRequest(problems=(problem,))
    return priced_anew(order, region or order.region_for(key_region))


def _with_defaults(request: VideoRequest, model: ModelCard, region: str) -> VideoRequest:
    """The request with every choice filled in, so that what means the same has the same key."""
    sound = {"switch": request.audio is not False, "always": True, "none": False, "unknown": None}
    extend = model.prompt_extend_default if request.prompt_extend is None else request.prompt_extend
    image, last = request.reference_image, request.last_frame
    if not model.prompt_extend:
        extend = None
    return request.model_copy(
        update={
            "prompt": request.prompt.strip(),
            "negative_prompt": (request.negative_prompt or "").strip() or None,
            "region": region,
            "prompt_extend": extend,
            "audio": sound[model.audio],
            "pad_color": request.pad_color.lower(),
            "reference_image": None if image is None else shown_reference(image),
            "last_frame": None if last is None else shown_reference(last),
            "references": tuple(
                one.model_copy(update={"source": shown_reference(one.source)}) for one in request.references
            ),
            "extend_from": None if request.extend_from is None else shown_reference(request.extend_from),
        }
    )


def _image_facts(request: VideoRequest, model: ModelCard, image: ReferenceImage | None) -> ImageFacts | None:
    if model.first_frame == "none" or request.reference_image is None:
        return None
    if image is None or image.prepared is None or image.source_sha256 is None:
        raise ValueError("plan() needs the image that read_reference() made of this request.")
    prepared = image.prepared
    return ImageFacts(
        source=image.source,
        source_sha256=image.source_sha256,
        prepared_sha256=prepared.sha256,
        mime=prepared.mime,
        width=prepared.width,
        height=prepared.height,
        size_bytes=len(prepared.data),
        changes=prepared.changes,
    )


def _expected(
    request: VideoRequest,
    model: ModelCard,
    image: ImageFacts | None,
    media: tuple[MediumFacts, ...],
    billed_input_s: float,
) -> Expected:
    width, height = (int(side) for side in request.size.split("*"))
    tier = tier_of(request.size)
    shape = image or next((one for one in media if one.role == "extend_from"), None)
    delivered = (width, height)
    if shape and tier:
        delivered = delivered_size(shape.width, shape.height, tier)
    elif model.ratios:
        delivered = size_of_ratio(model, request.size)
    exact = image is None or request.fit != "keep"
    return Expected(
        duration_s=int(request.duration),
        fps=request.fps,
        native_fps=model.native_fps,
        width=width if exact else delivered[0],
        height=height if exact else delivered[1],
        delivered_width=delivered[0],
        delivered_height=delivered[1],
        exact_size=exact,
        audio=request.audio,
        billed_input_s=billed_input_s,
    )


def _warnings(found: list[RuleResult]) -> list[str]:
    dropped = [f for f in found if isinstance(f, FieldReport) and f.action == "dropped"]
    notes = [f.text for f in found if isinstance(f, Note)]
    return [*notes, *(f"{report.field}: dropped. {report.reason}" for report in dropped)]
