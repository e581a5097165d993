"""What is known about the models and the regions: tables of data, each row with source and date.

The facts are in `catalogue.toml` (the seven that are offered) and `successors.toml` (official models that an operator
may switch on), none in code. Reading them is part of the import, so a table that does not fit its types stops
everything at once, before anything is sent.
"""

from __future__ import annotations

import difflib
import re

from footage.catalogue.offered import (
    CATALOGUE,
    OWN_FILE,
    SWITCHES,
    known_models,
    offered_models,
    switch_problems,
    switchable,
)
from footage.catalogue.table import (
    CURRENCIES,
    Catalogue,
    ImageLimits,
    ModelCard,
    Price,
    ReferenceLimits,
    Region,
)
from footage.errors import AccountProblem, InvalidRequest, Problem
from footage.privacy.display import shown

__all__ = [
    "CATALOGUE",
    "CURRENCIES",
    "IMAGE",
    "MODEL_NAMES",
    "OWN_FILE",
    "REGION_NAMES",
    "SWITCHES",
    "Catalogue",
    "ImageLimits",
    "ModelCard",
    "Price",
    "ReferenceLimits",
    "Region",
    "card",
    "endpoint",
    "known_models",
    "nearest_models",
    "offered_models",
    "offered_names",
    "region",
    "switch_problems",
    "switchable",
    "tier_of",
    "unknown_model",
    "usual_seconds",
]

IMAGE = CATALOGUE.image
# The seven. What is offered besides is in `offered_names`.
MODEL_NAMES = tuple(CATALOGUE.models)
REGION_NAMES = tuple(CATALOGUE.regions)

# The SDK's own rule (dashscope 2.0.2); anything looser would let a setting choose the host.
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SNAPSHOT = re.compile(r"(?P<model>.+)-[0-9]{4}-[0-9]{2}-[0-9]{2}")


def offered_names() -> tuple[str, ...]:
    """The exact names of the models that may be ordered, the seven first."""
    return tuple(offered_models())


def card(name: str) -> ModelCard:
    """Everything known about one model that is offered.

    Raises:
        InvalidRequest: It is not offered; the message has the nearest names, or how it is switched on.
    """
    if found := offered_models().get(name):
        return found
    raise InvalidRequest(problems=(unknown_model(name),))


def usual_seconds(name: str) -> float:
    """Seconds that a clip of a model usually takes; five minutes where its row is gone."""
    found = known_models().get(name)
    return float(found.typical_s) if found else 300.0


def unknown_model(name: str) -> Problem:
    """What is wrong with a name that is not offered: it can be switched on, is somebody else's, or unknown."""
    near = nearest_models(name)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    official = CATALOGUE.official.get(name)
    snapshot = _SNAPSHOT.fullmatch(name)
    if official is not None:
        message = (
            f"It is an official model ({official.source}, read {official.read_on}) that is not switched on here; "
            f"an operator does that with {SWITCHES}=+{name}.{hint}"
        )
    elif name in CATALOGUE.look_alikes:
        message = f"It is {CATALOGUE.look_alikes[name]}.{hint}"
    elif snapshot and snapshot["model"] in CATALOGUE.official:
        listed = [one for one in CATALOGUE.official if one.startswith(f"{snapshot['model']}-2")]
        message = (
            "No page that we read lists this snapshot"
            + (f"; listed: {', '.join(listed)}" if listed else "")
            + f". The model itself is {snapshot['model']}.{hint}"
        )
    else:
        message = f"It is not one of the models that are offered here.{hint}"
    return Problem("model", shown(name), message, ", ".join(offered_names()))


def nearest_models(name: str) -> tuple[str, ...]:
    """Up to three of the names that are offered and look like this one, best first; empty if none does."""
    return tuple(difflib.get_close_matches(name[:100].strip().lower(), offered_names(), n=3, cutoff=0.6))


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
    tables = CATALOGUE.size_tables.values()
    return next((tier for table in tables for tier, sizes in table.items() if size in sizes), None)
