"""Which models are offered: the seven, and what an operator switches on by its exact name or describes in a file.

Both are read from the environment at every question, because schemas and rules of one process must agree. What is
wrong with them is in `switch_problems`, which the settings tell; here it switches nothing on.
"""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from footage.catalogue.table import Catalogue, ModelCard, read_catalogue, read_models
from footage.errors import Problem
from footage.privacy.display import shown

SWITCHES = "WAN_VIDEO_MODELS"
OWN_FILE = "WAN_VIDEO_MODELS_FILE"
_MAX_BYTES = 1_000_000
# A correction in the ledger has it in its name.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_OWN_PARTS = frozenset({"model", "price", "prices", "size_tables"})

CATALOGUE: Catalogue = read_catalogue()


class Line(NamedTuple):
    """The models of this process: those that may be ordered, and all that are known."""

    offered: Mapping[str, ModelCard]
    known: Mapping[str, ModelCard]
    problems: tuple[Problem, ...]


def line() -> Line:
    """The models as the environment has them now."""
    own = os.environ.get(OWN_FILE) or ""
    return _line(os.environ.get(SWITCHES) or "", own, _changed_at(own))


def offered_models() -> Mapping[str, ModelCard]:
    """The models that may be ordered, the seven first."""
    return line().offered


def known_models() -> Mapping[str, ModelCard]:
    """All models that a table has, switched on or not: what was bought once stays readable."""
    return line().known


def switch_problems() -> tuple[Problem, ...]:
    """What is wrong with the two variables; empty where they can be used."""
    return line().problems


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns if path else 0
    except (OSError, ValueError):
        return 0


@lru_cache(16)
def _line(switches: str, own_file: str, _changed_at_ns: int) -> Line:
    problems: list[Problem] = []
    own = _own_models(own_file, problems) if own_file else {}
    on: dict[str, ModelCard] = {}
    for word in filter(None, (word.strip() for word in switches.split(","))):
        card = CATALOGUE.official.get(word.removeprefix("+"))
        if card is None or not word.startswith("+"):
            problems.append(_no_switch(word))
        elif card.name not in CATALOGUE.models:
            on[card.name] = replace(card, switched_on_by=SWITCHES)
    offered = CATALOGUE.models | on | own
    return Line(MappingProxyType(offered), MappingProxyType(CATALOGUE.official | offered), tuple(problems))


def _no_switch(word: str) -> Problem:
    name = word.removeprefix("+")
    allowed = ", ".join(f"+{one}" for one in switchable())
    if name in CATALOGUE.look_alikes:
        return Problem(SWITCHES, shown(word), f"is {CATALOGUE.look_alikes[name]}.", allowed)
    if name in CATALOGUE.official:
        return Problem(SWITCHES, shown(word), "switches nothing on: write a + before the name.", allowed)
    message = "is no model of the table that can be switched on; there are no aliases."
    return Problem(SWITCHES, shown(word), message, allowed)


def switchable() -> tuple[str, ...]:
    """The names that can be switched on."""
    return tuple(name for name in CATALOGUE.official if name not in CATALOGUE.models)


def _own_models(path: str, problems: list[Problem]) -> dict[str, ModelCard]:
    """The rows of the operator's own file, which fit the same types as ours."""
    allowed = "a TOML file with [[model]], [[price]] and [prices] as in footage/catalogue/successors.toml"
    try:
        models = _read_own(Path(path).expanduser())
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        problems.append(Problem(OWN_FILE, shown(path), f"cannot be read ({why}).", allowed))
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        problems.append(Problem(OWN_FILE, shown(path), f"does not fit: {_in_words(error)}.", allowed))
        return {}
    if taken := sorted(models.keys() & CATALOGUE.official.keys()):
        message = f"describes {', '.join(taken)}, which our table has; switch such a model on instead."
        problems.append(Problem(OWN_FILE, shown(path), message, f"{SWITCHES}=+{taken[0]}"))
        return {}
    return models


def _read_own(path: Path) -> dict[str, ModelCard]:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("it is longer than any table of models")
    raw: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
    if strangers := sorted(raw.keys() - _OWN_PARTS):
        raise ValueError(f"it has {strangers[0]}, which is no part of such a table")
    tables = CATALOGUE.size_tables | TypeAdapter(dict[str, dict[str, tuple[str, ...]]]).validate_python(
        raw.get("size_tables", {})
    )
    models = read_models(raw, CATALOGUE.regions, tables)
    for card in models.values():
        _require_sound(card)
        # Geometry looks its sizes up in our tables.
        if card.size_table not in CATALOGUE.size_tables:
            raise ValueError(f"{card.name}: size_table is one of {sorted(CATALOGUE.size_tables)}")
    return {name: replace(card, switched_on_by=OWN_FILE) for name, card in models.items()}


def _require_sound(card: ModelCard) -> None:
    """Raises ValueError for a row that fits its types and cannot be."""
    today = datetime.datetime.now(datetime.UTC).date()
    numbers = (
        card.prompt_max,
        card.submit_per_second,
        card.concurrent_tasks,
        card.typical_s,
        *card.durations,
    )
    wrong = (
        (not _NAME.fullmatch(card.name), "name"),
        (not card.durations, "durations"),
        (not card.regions, "regions"),
        (min(numbers) <= 0, "a number below 1"),
        (not card.source or card.read_on > today, "source and read_on"),
        (any(not 0 <= price.per_second <= 1000 for price in card.prices), "a price"),
        (card.documented and not card.sizes, "tiers"),
        (card.kind == "r2v" and card.references is None, "references"),
        (card.protocol == "legacy" and (card.last_frame or card.continues_as is not None), "protocol"),
    )
    if found := [name for is_wrong, name in wrong if is_wrong]:
        raise ValueError(f"{card.name}: {found[0]} cannot be so")


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
