"""The rules for width and height, and what of them a model is told."""

from __future__ import annotations

import re

from footage.catalogue import ModelCard, tier_of
from footage.errors import Problem
from footage.order.document import FieldReport
from footage.order.geometry import delivered_size, follows_picture, ratio_of, size_of_ratio
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResults
from footage.privacy.display import shown
from footage.request import VideoRequest

# Width and height with 2 to 4 digits: all that is asked of a model whose sizes no page lists.
SIZE = re.compile(r"[1-9][0-9]{1,3}\*[1-9][0-9]{1,3}")
_ALMOST_SIZE = re.compile(r"\s*([0-9]{2,4})\s*[xX×*,:/]\s*([0-9]{2,4})\s*")


def size(a: Ask) -> RuleResults:
    """The size of the clip, as its model is asked for it: itself, or a tier and a ratio."""
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
