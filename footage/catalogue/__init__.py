"""What is known about the seven models and the regions: one table of data, each row with source and date.

The facts are in `catalogue.toml`, none in code. Reading it is part of the import, so a table that does not
fit its types stops everything at once, before anything is sent.
"""

from __future__ import annotations

import difflib
import re

from footage.catalogue.table import Catalogue, ImageLimits, ModelCard, Price, Region, read_catalogue
from footage.errors import AccountProblem, InvalidRequest, Problem
from footage.privacy.display import shown

__all__ = [
    "CATALOGUE",
    "IMAGE",
    "MODEL_NAMES",
    "REGION_NAMES",
    "Catalogue",
    "ImageLimits",
    "ModelCard",
    "Price",
    "Region",
    "card",
    "endpoint",
    "nearest_models",
    "region",
    "tier_of",
    "unknown_model",
]

CATALOGUE = read_catalogue()
IMAGE = CATALOGUE.image
MODEL_NAMES = tuple(CATALOGUE.models)
REGION_NAMES = tuple(CATALOGUE.regions)

# The SDK's own rule (dashscope 2.0.2); anything looser would let a setting choose the host.
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def card(name: str) -> ModelCard:
    """Everything known about one model.

    Raises:
        InvalidRequest: It is not one of the seven; the message has the nearest names.
    """
    if name in CATALOGUE.models:
        return CATALOGUE.models[name]
    raise InvalidRequest(problems=(unknown_model(name),))


def unknown_model(name: str) -> Problem:
    """What is wrong with a name that is not one of the seven, with the nearest ones."""
    near = nearest_models(name)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    return Problem("model", shown(name), f"It is not one of the seven models.{hint}", ", ".join(MODEL_NAMES))


def nearest_models(name: str) -> tuple[str, ...]:
    """Up to three of the seven names that look like this one, best first; empty if none does."""
    return tuple(difflib.get_close_matches(name[:100].strip().lower(), MODEL_NAMES, n=3, cutoff=0.6))


def region(name: str) -> Region:
    """One region.

    Raises:
        InvalidRequest: No model lives there, as far as the table knows.
    """
    if name in CATALOGUE.regions:
        return CATALOGUE.regions[name]
    problem = Problem("region", shown(name), "It is not a region with these models.", ", ".join(REGION_NAMES))
    raise InvalidRequest(problems=(problem,))


def endpoint(region_name: str, workspace: str | None = None) -> str:
    """Base URL of the API in one region: the workspace's own host if one is given, else the shared host.

    Raises:
        InvalidRequest: The region is not known.
        AccountProblem: The region has no shared host, so it needs a workspace; or this is not a workspace id.
    """
    place = region(region_name)
    if workspace is not None:
        if not _WORKSPACE.fullmatch(workspace):
            raise AccountProblem(
                "The workspace id may have letters, digits, '-' and '_' only, 64 at most.",
                next_step="Copy it from the workspace page of the Model Studio console.",
            )
        return place.workspace_base_url.format(workspace=workspace)
    if place.shared_base_url is None:
        raise AccountProblem(
            f"{place.label} ({place.id}) has no shared host; it is reached only through a workspace.",
            next_step="Give the workspace id of your key (DASHSCOPE_WORKSPACE_ID or the credentials block).",
        )
    return place.shared_base_url


def tier_of(size: str) -> str | None:
    """The price tier ("480P", "720P", "1080P") of a "W*H" from the documented lists, else None."""
    return next((tier for tier, sizes in CATALOGUE.tiers.items() if size in sizes), None)
