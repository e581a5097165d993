"""The types of `catalogue.toml` and `successors.toml`, and the check that they fit them."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from footage.privacy.display import shown

_PATH = Path(__file__).with_name("catalogue.toml")
_SUCCESSORS = Path(__file__).with_name("successors.toml")
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


# The price list is printed in CNY, and its own page converts to USD. There is no third currency.
CURRENCIES: tuple[str, ...] = ("CNY", "USD")


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
    # As the page prints it beside; the pages have no single exchange rate any more.
    usd_per_second: Decimal | None = None


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
class MediaLimits:
    """What models take of clips and sounds; bytes, pixels a side, and the longer side over the shorter one."""

    video_max_bytes: int
    video_min_side_px: int
    video_max_side_px: int
    sound_max_bytes: int
    max_aspect: int
    source: str
    read_on: datetime.date


@with_config(_CLOSED)
@dataclass(frozen=True)
class ReferenceLimits:
    """How many references a model takes, of which kind, and how long they may be; lengths in seconds."""

    images: int
    videos: int
    voices: int
    # media: items of `input.media`; reference_urls: the flat list of the older protocol.
    sent_as: Literal["media", "reference_urls"]
    # A prompt names them so, with a number: by kind in the order of the list, or all in one row.
    named: Literal["Image, Video, Audio", "character"]
    # A voice belongs to the picture or clip before it, and is no item of its own.
    voice_of_item: bool = False
    most: int | None = None
    required: bool = False
    with_first_frame: bool = False
    video_s: tuple[int, int] = (1, 30)
    videos_total_s: int | None = None
    video_min_fps: int | None = None
    voice_s: tuple[int, int] = (1, 10)
    voices_total_s: int | None = None


@with_config(_CLOSED)
@dataclass(frozen=True)
class ModelCard:
    """Everything known about one model; lengths in seconds, the prompt limit in Unicode code points."""

    name: str
    kind: Literal["t2v", "i2v", "r2v", "any"]
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
    # legacy: flat fields for pictures and sound; media: a list of them, each with its role.
    protocol: Literal["legacy", "media"] = "legacy"
    # Which list of sizes its tiers have; "" is the one of the seven.
    size_table: str = ""
    # Sent in the place of a size, with the tier; without: the shape follows the picture.
    ratios: tuple[str, ...] = ()
    first_frame: Literal["none", "optional", "required"] = "none"
    last_frame: bool = False
    # The role of a clip that is continued. first_clip: the result begins with it, and its length counts.
    continues_as: Literal["first_clip", "reference_video"] | None = None
    continued_s: tuple[int, int] = (2, 10)
    references: ReferenceLimits | None = None
    negative_prompt: bool = True
    prompt_extend: bool = True
    # Where a sound goes, and how short it may be.
    audio_url_as: Literal["audio_url", "driving_audio"] = "audio_url"
    audio_url_min_s: int = 3
    # Takes -1 as a length: the model chooses.
    smart_duration: bool = False
    # Longest result where a clip is among the references, and longest sum of what goes in and comes out.
    with_video_max_s: int | None = None
    total_max_s: int | None = None
    # How many seconds of clips that go in are billed at the most.
    input_billed_max_s: int = 0
    # What is told of it before it is switched on.
    doubts: tuple[str, ...] = ()
    # Dates of the snapshots that a page lists; each is a model of its own, called NAME-DATE.
    snapshots: tuple[str, ...] = ()
    # What switched it on, in words; None: one of the seven, which always are.
    switched_on_by: str | None = None
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
    """The whole table; `models` are the seven, `official` all that the maker documents."""

    models: dict[str, ModelCard]
    regions: dict[str, Region]
    tiers: dict[str, tuple[str, ...]]
    image: ImageLimits
    cny_per_usd: Decimal
    negative_prompt_max: int
    seed_max: int
    media: MediaLimits
    size_tables: dict[str, dict[str, tuple[str, ...]]]
    official: dict[str, ModelCard]
    # Names that others gave to models, and whose they are.
    look_alikes: dict[str, str]

    def tier_sizes(self, card: ModelCard, tier: str) -> tuple[str, ...]:
        """The sizes that a model delivers in a tier."""
        return self.size_tables[card.size_table].get(tier, ())


def read_catalogue(path: Path = _PATH, successors: Path = _SUCCESSORS) -> Catalogue:
    """Read the tables and check that their rows fit together.

    Raises:
        ValueError: A row does not fit its type, or names a model, region or tier that is not in the table.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    later = tomllib.loads(successors.read_text(encoding="utf-8"))
    tiers = TypeAdapter(dict[str, tuple[str, ...]]).validate_python(raw["tiers"])
    tables = {"": tiers} | TypeAdapter(dict[str, dict[str, tuple[str, ...]]]).validate_python(
        later["size_tables"]
    )
    regions = {row.id: row for row in TypeAdapter(tuple[Region, ...]).validate_python(raw["region"])}
    models = read_models(raw, regions, tables)
    successor_models = read_models(later, regions, tables)
    if repeated := models.keys() & successor_models.keys():
        raise ValueError(f"successors.toml: repeated: {sorted(repeated)}")
    return Catalogue(
        models=models,
        regions=regions,
        tiers=tiers,
        image=TypeAdapter(ImageLimits).validate_python(raw["image"]),
        cny_per_usd=Decimal(raw["prices"]["cny_per_usd"]),
        negative_prompt_max=raw["common"]["negative_prompt_max"],
        seed_max=raw["common"]["seed_max"],
        media=TypeAdapter(MediaLimits).validate_python(later["media"]),
        size_tables=tables,
        official=models | successor_models,
        look_alikes=TypeAdapter(dict[str, str]).validate_python(later["look_alikes"]),
    )


def read_models(
    raw: dict[str, Any], regions: Mapping[str, Region], tables: Mapping[str, dict[str, tuple[str, ...]]]
) -> dict[str, ModelCard]:
    """The rows `model` and `price` of one table, with the snapshots that they list.

    Raises:
        ValueError: A row does not fit its type, or names a model, region or tier that is not in the table.
    """
    prices = [price for row in raw.get("price", ()) for price in _prices(row, raw["prices"])]
    names = [row["name"] for row in raw["model"]]
    strangers = {model for model, _ in prices} - set(names)
    strangers |= {price.region for _, price in prices} - regions.keys()
    models: dict[str, ModelCard] = {}
    # Made once: it costs ten times what a row costs.
    card_of = TypeAdapter(ModelCard)
    for row in raw["model"]:
        own = tuple(price for model, price in prices if model == row["name"])
        table = tables.get(row.get("size_table", ""), {})
        strangers |= set(row["tiers"]) - table.keys() | set(row["regions"]) - regions.keys()
        strangers |= {p.tier for p in own} - set(row["tiers"]) | {p.region for p in own} - set(row["regions"])
        sizes = [size for tier in row["tiers"] for size in table.get(tier, ())]
        frame = "required" if row["kind"] == "i2v" else "none"
        whole = {"first_frame": frame, **row, "sizes": sizes, "prices": own}
        card = models[row["name"]] = card_of.validate_python(whole)
        for day in card.snapshots:
            name = f"{card.name}-{day}"
            models[name] = replace(card, name=name, snapshots=())
    if strangers or len(set(names)) < len(names):
        raise ValueError(f"unknown or repeated: {sorted(strangers) or names}")
    return models


def _prices(row: dict[str, Any], page: dict[str, Any]) -> list[tuple[str, Price]]:
    """One printed row is a price per tier, and for a model whose sound can be switched off two of them."""
    if page["currency"] not in CURRENCIES:
        allowed = " or ".join(CURRENCIES)
        raise ValueError(f"[prices] has currency = {shown(page['currency'])}, and a price is in {allowed}")
    silent = row.get("silent_per_second")
    columns = [(None if silent is None else True, row["per_second"]), (False, silent or {})]
    dollars = row.get("usd_per_second", {})
    return [
        (
            row["model"],
            Price(
                row["region"],
                tier,
                audio,
                Decimal(text),
                page["currency"],
                page["source"],
                page["read_on"],
                Decimal(dollars[tier]) if tier in dollars else None,
            ),
        )
        for audio, column in columns
        for tier, text in column.items()
    ]
