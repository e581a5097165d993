"""One request beside the facts that decide about it: its model's card, its region, its image."""

from __future__ import annotations

from dataclasses import dataclass

from footage.catalogue import REGION_NAMES, ModelCard, nearest_models, offered_models
from footage.errors import Problem
from footage.privacy.display import shown
from footage.reference import Medium, ReferenceImage
from footage.request import VideoRequest


@dataclass(frozen=True)
class Ask:
    """One request beside what is known about its model.

    `card` is None for a model that looks like none that is offered, and the nearest one for a misspelt name, so
    that the rest of the request can be checked in the same answer.
    """

    request: VideoRequest
    card: ModelCard | None
    region: str | None
    region_problem: Problem | None
    image: ReferenceImage | None
    media: tuple[Medium, ...] = ()

    @property
    def source(self) -> str | None:
        return None if self.card is None else f"{self.card.source}, read {self.card.read_on}"


def ask(
    request: VideoRequest,
    default_region: str | None,
    image: ReferenceImage | None,
    media: tuple[Medium, ...] = (),
) -> Ask:
    """Find the model's card and the region; what is wrong with them is reported by their rules."""
    offered, name = offered_models(), request.model
    if name not in offered:
        name = next(iter(nearest_models(name)), None)
    found = None if name is None else offered[name]
    region, problem = _choose_region(request.region, found, default_region)
    return Ask(request, found, region, problem, image, media)


def _choose_region(
    wanted: str | None, found: ModelCard | None, default: str | None
) -> tuple[str | None, Problem | None]:
    name = wanted if wanted is not None else default
    if name is None:
        return (None if found is None else found.regions[0]), None
    whose = "" if wanted is not None else "The region of the key or the settings: "
    if name not in REGION_NAMES:
        message = f"{whose}It is not a region with these models."
        return None, Problem("region", shown(name), message, ", ".join(REGION_NAMES))
    if found is None or name in found.regions:
        return name, None
    where = found.elsewhere.get(name)
    message = f"{whose}{found.name} does not live there{f': {where}' if where else ''}."
    return None, Problem("region", shown(name), message, ", ".join(found.regions))
