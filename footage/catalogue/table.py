"""The types of `catalogue.toml` and the check that it fits them."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

_PATH = Path(__file__).with_name("catalogue.toml")
# A misspelt key in the table must not be read as "not given".
_CLOSED = ConfigDict(extra="forbid")


@with_config(_CLOSED)
@dataclass(frozen=True)
class Region:
    """One place where models live; a key belongs to one region."""

    id: str
    label: str
    workspace_base_url: str
    source: str
    read_on: datetime.date
    shared_base_url: str | None = None


@dataclass(frozen=True)
class Price:
    """Price per second of finished video of one model in one region and tier."""

    region: str
    tier: str
    audio: bool | None  # None: with or without sound
    per_second: Decimal
    currency: str
    source: str
    read_on: datetime.date


@with_config(_CLOSED)
@dataclass(frozen=True)
class ImageLimits:
    """What the i2v models take as a reference image."""

    formats: tuple[str, ...]
    min_side_px: int
    max_side_px: int
    max_bytes: int
    source: str
    read_on: datetime.date


@with_config(_CLOSED)
@dataclass(frozen=True)
class ModelCard:
    """Everything known about one model; lengths in seconds, the prompt limit in Unicode code points."""

    name: str
    kind: Literal["t2v", "i2v"]
    documented: bool
    regions: tuple[str, ...]
    tiers: tuple[str, ...]
    durations: tuple[int, ...]
    sends_duration: bool
    prompt_max: int
    # none: silent; switch: has sound unless told not to; always: cannot be silent; unknown: no page says.
    audio: Literal["none", "switch", "always", "unknown"]
    audio_url: bool
    shot_type: bool
    submit_per_second: int
    concurrent_tasks: int
    typical_s: int
    typical_source: str
    source: str
    read_on: datetime.date
    native_fps: int | None = None
    prompt_extend_default: bool = True  # the references print the same default for all of them
    durations_in: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    durations_unsure: dict[int, str] = field(default_factory=dict[int, str])
    elsewhere: dict[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    # What to order once it is gone: advice for a person, never ordered by itself.
    successor: str | None = None
    successor_note: str = ""
    sizes: tuple[str, ...] = ()  # every "W*H" of its tiers, filled in here
    prices: tuple[Price, ...] = ()  # filled in here

    def durations_of(self, region: str | None) -> tuple[int, ...]:
        """The lengths in whole seconds that the model makes in this region."""
        return self.durations_in.get(region or "", self.durations)

    def price(self, region: str, tier: str, *, audio: bool) -> Price | None:
        """The price for this region and tier, with or without sound, or None where no page has one."""
        rows = (p for p in self.prices if (p.region, p.tier) == (region, tier))
        return next((p for p in rows if p.audio is None or p.audio == audio), None)


@dataclass(frozen=True)
class Catalogue:
    """The whole table."""

    models: dict[str, ModelCard]
    regions: dict[str, Region]
    tiers: dict[str, tuple[str, ...]]
    image: ImageLimits
    cny_per_usd: Decimal
    negative_prompt_max: int
    seed_max: int


def read_catalogue(path: Path = _PATH) -> Catalogue:
    """Read the table and check that its rows fit together.

    Raises:
        ValueError: A row does not fit its type, or names a model, region or tier that is not in the table.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    tiers = TypeAdapter(dict[str, tuple[str, ...]]).validate_python(raw["tiers"])
    regions = TypeAdapter(tuple[Region, ...]).validate_python(raw["region"])
    prices = [price for row in raw["price"] for price in _prices(row, raw["prices"])]
    names = [row["name"] for row in raw["model"]]
    strangers = {model for model, _ in prices} - set(names)
    strangers |= {p.region for _, p in prices} - {r.id for r in regions}
    models: dict[str, ModelCard] = {}
    for row in raw["model"]:
        own = tuple(price for model, price in prices if model == row["name"])
        strangers |= set(row["tiers"]) - tiers.keys() | set(row["regions"]) - {r.id for r in regions}
        strangers |= {p.tier for p in own} - set(row["tiers"]) | {p.region for p in own} - set(row["regions"])
        sizes = [size for tier in row["tiers"] if tier in tiers for size in tiers[tier]]
        models[row["name"]] = TypeAdapter(ModelCard).validate_python({**row, "sizes": sizes, "prices": own})
    if strangers or len(models) < len(names):
        raise ValueError(f"catalogue.toml: unknown or repeated: {sorted(strangers) or names}")
    return Catalogue(
        models=models,
        regions={r.id: r for r in regions},
        tiers=tiers,
        image=TypeAdapter(ImageLimits).validate_python(raw["image"]),
        cny_per_usd=Decimal(raw["prices"]["cny_per_usd"]),
        negative_prompt_max=raw["common"]["negative_prompt_max"],
        seed_max=raw["common"]["seed_max"],
    )


def _prices(row: dict[str, Any], page: dict[str, Any]) -> list[tuple[str, Price]]:
    """One printed row is a price per tier, and for a model whose sound can be switched off two of them."""
    silent = row.get("silent_per_second")
    columns = [(None if silent is None else True, row["per_second"]), (False, silent or {})]
    return [
        (
            row["model"],
            Price(
                row["region"], tier, audio, Decimal(text), page["currency"], page["source"], page["read_on"]
            ),
        )
        for audio, column in columns
        for tier, text in column.items()
    ]
