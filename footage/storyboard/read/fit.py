"""What a board of another tool leaves open about Wan's models, filled in and reported.

Those boards were not written for these models: they name other models or none, and lengths that these do
not make. Our own schema is never touched; there a length that the model does not make is a problem.
"""

from __future__ import annotations

from typing import Any

from footage.catalogue import CATALOGUE, ModelCard, offered_models, tier_of
from footage.errors.actions import typed
from footage.request import VideoRequest
from footage.storyboard.read import sizes
from footage.storyboard.read.draft import Draft

# Of the text-to-video models it lives in the most regions, and its 480P is the cheapest second there is.
TEXT_MODEL = "wan2.2-t2v-plus"
IMAGE_MODEL: str = VideoRequest.model_fields["model"].default


def fit(draft: Draft, defaults: dict[str, Any]) -> None:
    """Choose the model where the board has none of ours, then a size and a length which that model makes."""
    card = _model(draft, defaults)
    if card is None:
        return
    _size(draft, defaults, card)
    _duration(draft, defaults, card)


def _model(draft: Draft, defaults: dict[str, Any]) -> ModelCard | None:
    named = draft.fields.get("model")
    if named is not None and str(named) not in offered_models():
        del draft.fields["model"]
        if "model" not in defaults:
            draft.doubt(
                "model", None, "model", named, "it is not one of the models that are offered",
                settle=("--set", f"{draft.id}.model={_usual(draft)}"), others=("--model MODEL for all of them",),
            )  # fmt: skip
    if "model" in draft.fields or "model" in defaults:
        return offered_models().get(str(draft.fields.get("model", defaults.get("model"))))
    if _usual(draft) == IMAGE_MODEL:
        draft.guess("model", IMAGE_MODEL, "nothing", "no model is named, and the shot starts from a picture")
        return CATALOGUE.models[IMAGE_MODEL]
    draft.guess(
        "model", TEXT_MODEL, "nothing", "no model is named, and the shot has no picture to start from"
    )
    return CATALOGUE.models[TEXT_MODEL]


def _usual(draft: Draft) -> str:
    """The model of a shot that names none: by whether it starts from a picture."""
    pictured = draft.fields.get("reference_image") or draft.fields.get("start_from", "none") != "none"
    return IMAGE_MODEL if pictured else TEXT_MODEL


def _size(draft: Draft, defaults: dict[str, Any], card: ModelCard) -> None:
    asked = draft.fields.get("size", defaults.get("size", VideoRequest.model_fields["size"].default))
    if draft.tier is not None:
        _size_of_tier(draft, str(asked), card, *draft.tier)
        return
    if not card.sizes or asked in card.sizes:
        return
    shape = sizes.shape_of(asked)
    # The cheapest tier of the model: a guess may cost quality, but not money.
    cheapest = [size for size in card.sizes if tier_of(size) == card.tiers[0]]
    size = sizes.nearest_shape(shape, cheapest) if shape else None
    if size:
        draft.guess(
            "size",
            size,
            f"size {asked}",
            f"{card.name} makes no {asked}; its nearest shape at {card.tiers[0]}",
        )


def _size_of_tier(draft: Draft, asked: str, card: ModelCard, source: str, tier: str) -> None:
    """The board's shape at the resolution it asks for; asked about where the model does not make that."""
    draft.guesses = [guess for guess in draft.guesses if guess.field != "size"]
    shape = sizes.shape_of(asked) or 1.0
    made = {name: [s for s in CATALOGUE.tier_sizes(card, name) if s in card.sizes] for name in card.tiers}
    nearest = {name: sizes.nearest_shape(shape, of_tier) for name, of_tier in made.items()}
    if tier in nearest and _same_shape(nearest[tier], shape):
        draft.guess("size", nearest[tier], source, f"{tier} in the shape of {asked}")
        return
    settling = [f"{draft.id}.size={size}" for size in nearest.values() if size]
    draft.doubt(
        "size", next((size for size in nearest.values() if size), None), source, draft.row.get(source, tier),
        f"{card.name} makes {_tiers(card)}, not {tier} in the shape of {asked}",
        settle=("--set", settling[0]) if settling else (),
        others=(
            *(typed("--set", size) for size in settling[1:]),
            typed("--map", f"{source}=metadata") if source in draft.row else "--model MODEL",
        ),
    )  # fmt: skip


def _same_shape(size: str | None, shape: float) -> bool:
    """Within 5 %: 832*480 and 1088*832 are what Wan makes of 16:9 and 4:3."""
    return size is not None and abs((sizes.shape_of(size) or 0) / shape - 1) < 0.05


def _tiers(card: ModelCard) -> str:
    return " and ".join(card.tiers) or "no documented sizes"


def _duration(draft: Draft, defaults: dict[str, Any], card: ModelCard) -> None:
    asked = draft.fields.get("duration")
    if asked is None:
        given = defaults.get("duration")
        length = given if given is not None else VideoRequest.model_fields["duration"].default
        why = draft.no_length or ("the board's default" if given is not None else "the source says no length")
        draft.report("duration", length, "nothing", why)
        return
    region = draft.fields.get("region", defaults.get("region"))
    # What is no name of a region, the plan refuses.
    possible = card.durations_of(region if isinstance(region, str) else None)
    if not isinstance(asked, int) or asked in possible or not possible:
        return
    made = min((length for length in possible if length > asked), default=None)
    if made is not None:
        # Longer rather than shorter: an editor can cut what is too long.
        draft.guess(
            "duration", made, f"duration {asked}", f"{card.name} makes clips of {_listed(possible)} s only"
        )
        return
    longest = max(possible)
    # Of two doubts about one length only the last one's answer can hold.
    earlier = next((part for part in draft.parts if part.field == "duration"), None)
    draft.parts = [part for part in draft.parts if part.field != "duration"]
    why = f"{card.name} makes clips of {_listed(possible)} s only"
    draft.doubt(
        "duration", longest, earlier.source if earlier else "duration", f"{asked} s",
        f"{earlier.why}; and {why}" if earlier else why,
        settle=("--set", f"{draft.id}.duration={longest}"), others=("--model with longer clips", "two shots"),
    )  # fmt: skip


def _listed(lengths: tuple[int, ...]) -> str:
    if len(lengths) > 3 and lengths == tuple(range(lengths[0], lengths[-1] + 1)):
        return f"{lengths[0]} to {lengths[-1]}"
    return ", ".join(str(length) for length in lengths)
