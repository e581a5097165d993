"""`wan-video models`: what is known about the seven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.console import print_json
from flows.cli.flags import Switch

if TYPE_CHECKING:
    from footage.catalogue import ModelCard


def models(*, json: Switch = False) -> None:
    """Everything known about the seven models, with source and date.

    Args:
        json: Print the whole table as JSON.
    """
    from footage.catalogue import CATALOGUE, Catalogue

    if json:
        print_json(TypeAdapter(Catalogue).dump_python(CATALOGUE, mode="json"))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("model", "sizes", "seconds", "sound", "per second", "at once"):
        table.add_column(heading, no_wrap=True)
    for card in CATALOGUE.models.values():
        table.add_row(
            card.name if card.documented else f"{card.name} *",
            " ".join(card.tiers) or "?",
            _range(card.durations),
            card.audio,
            _prices(card),
            str(card.concurrent_tasks),
        )
    console = Console()
    console.print(table)
    for region in CATALOGUE.regions.values():
        there = [
            card.name for card in CATALOGUE.models.values() if region.id in card.regions and card.documented
        ]
        console.print(Text(f"{region.id:<15}", "bold"), Text(" ".join(there)))
    read_on = max(card.read_on for card in CATALOGUE.models.values())
    console.print("\n* in no official table: offered, and checked only by the rules that all models share.")
    console.print(f"Read on {read_on}. Everything, with sources: wan-video models --json")


def _prices(card: ModelCard) -> str:
    if not card.prices:
        return "unknown"
    per_second = sorted(price.per_second for price in card.prices)
    low, high = (f"{value:.2f}" for value in (per_second[0], per_second[-1]))
    return f"{low}–{high} {card.prices[0].currency}" if low != high else f"{low} {card.prices[0].currency}"


def _range(durations: tuple[int, ...]) -> str:
    if len(durations) > 3 and durations == tuple(range(durations[0], durations[-1] + 1)):
        return f"{durations[0]}–{durations[-1]}"
    return " ".join(map(str, durations)) or "?"
