"""`wan-video models`: what is known about the seven, and about what can be switched on besides."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.console import print_json, print_table
from flows.cli.flags import Switch
from footage.catalogue import SWITCHES, ModelCard, offered_models
from footage.values.money import money


def models(*, all: Switch = False, json: Switch = False) -> None:
    """Everything known about the models that are offered, with source and date.

    Args:
        all: Also the official models that can be switched on (WAN_VIDEO_MODELS), and what is doubtful about them.
        json: Print the whole table as JSON.
    """
    from footage.catalogue import CATALOGUE, Catalogue, known_models
    from footage.settings import load_settings

    load_settings()
    shown = known_models() if all else offered_models()
    if json:
        table = TypeAdapter(Catalogue).dump_python(CATALOGUE, mode="json", exclude={"official", "models"})
        cards = TypeAdapter(dict[str, ModelCard]).dump_python(dict(shown), mode="json")
        print_json({**table, "models": cards})
        return
    console = Console()
    print_table(_table(shown.values(), with_media=all))
    for region in CATALOGUE.regions.values():
        there = [card.name for card in shown.values() if region.id in card.regions and card.documented]
        console.print(Text(f"{region.id:<15}", "bold"), Text(" ".join(there)))
    if all:
        _print_doubts(console, [card for card in shown.values() if card.name not in CATALOGUE.models])
    read_on = max(card.read_on for card in shown.values())
    console.print("\n* in no official table: offered, and checked only by the rules that all models share.")
    if all:
        console.print(f"+ not offered until it is switched on: {SWITCHES}=+NAME,+NAME")
    console.print(f"Read on {read_on}. Everything, with sources: wan-video models --json")


def _table(cards: Iterable[ModelCard], *, with_media: bool) -> Table:
    offered = offered_models()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("model", "sizes", "seconds", "sound", "per second", "at once"):
        table.add_column(heading, no_wrap=True)
    if with_media:
        table.add_column("what goes in beside the text")
    for card in cards:
        # Texts, because a name in a file of the operator's own may have what rich takes for a style.
        mark = " +" if card.name not in offered else "" if card.documented else " *"
        cells = (
            f"{card.name}{mark}",
            " ".join(card.tiers) or "?",
            _range(card.durations),
            card.audio,
            _prices(card),
            str(card.concurrent_tasks),
            *([_media(card)] if with_media else []),
        )
        table.add_row(*map(Text, cells))
    return table


def _media(card: ModelCard) -> str:
    """What goes in beside the text, in a few words."""
    words = ["first frame" + (" (may be left out)" if card.first_frame == "optional" else "")]
    words = words if card.first_frame != "none" else []
    words += ["last frame"] if card.last_frame else []
    words += ["clip that goes on"] if card.continues_as else []
    if limits := card.references:
        kinds = (("pictures", limits.images), ("clips", limits.videos), ("voices", limits.voices))
        words.append("references: " + ", ".join(f"{most} {kind}" for kind, most in kinds if most))
    return "; ".join(words) or "none"


def _print_doubts(console: Console, cards: list[ModelCard]) -> None:
    console.print()
    for card in cards:
        for doubt in card.doubts:
            console.print(Text(f"{card.name}: ", "bold"), Text(doubt), sep="", soft_wrap=True)


def _prices(card: ModelCard) -> str:
    if not card.prices:
        return "unknown"
    currencies = dict.fromkeys(price.currency for price in card.prices)
    return ", ".join(_span(card, currency) for currency in currencies)


def _span(card: ModelCard, currency: str) -> str:
    per_second = [price.per_second for price in card.prices if price.currency == currency]
    low, high = money(min(per_second), currency), money(max(per_second), currency)
    return high if low == high else f"{low.removesuffix(f' {currency}')}–{high}"


def _range(durations: tuple[int, ...]) -> str:
    if len(durations) > 3 and durations == tuple(range(durations[0], durations[-1] + 1)):
        return f"{durations[0]}–{durations[-1]}"
    return " ".join(map(str, durations)) or "?"
