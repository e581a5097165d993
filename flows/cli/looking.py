"""`wan-video models` and `wan-video explain`: what is known, and what would be sent. Nothing is sent."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.request_flags import RequestFlags, collect
from flows.cli.say import print_json, tell

Switch = Annotated[bool, Parameter(negative="")]


def models(*, json: Switch = False) -> None:
    """Everything known about the seven models, with source and date.

    Args:
        json: Print the whole table as JSON.
    """
    from footage.catalogue import CATALOGUE

    if json:
        print_json(CATALOGUE.to_json())
        return
    table = Table(title="The seven models", title_justify="left", expand=False)
    for heading in (
        "model",
        "regions",
        "sizes",
        "seconds",
        "fps",
        "sound",
        "from, per s",
        "at once",
        "read on",
    ):
        table.add_column(heading, no_wrap=heading == "model")
    for card in CATALOGUE.models.values():
        price = min((p for p in card.prices), key=lambda p: p.per_second, default=None)
        table.add_row(
            card.name if card.documented else f"{card.name} *",
            "\n".join(card.regions) or "?",
            " ".join(card.tiers) or "?",
            _range(card.durations),
            str(card.native_fps or "?"),
            card.audio,
            f"{price.per_second} {price.currency}" if price else "unknown",
            str(card.concurrent_tasks),
            str(card.read_on),
        )
    Console().print(table)
    tell(
        "* in no official table: offered, checked only by what all models share. All of it: wan-video models --json"
    )


def explain(file: str | None = None, /, *, request: RequestFlags = None, json: Switch = False) -> None:
    """What would become of every field of a request, what would be sent, and what it would cost.

    Args:
        file: The request as a JSON file, or - for stdin. Flags beat what is in it.
        json: Print the report as JSON, alone on stdout.
    """
    show_order(collect(file, request), as_json=json)


def show_order(asked: dict[str, Any], *, as_json: bool) -> None:
    """Print the explain report, the exact body and the quote of a request."""
    from footage.order import explain_rows
    from footage.steps.check import order_of
    from footage.studio import open_studio

    studio = open_studio()
    order, _ = order_of(studio, asked)
    body = order.wire_preview()
    if as_json:
        print_json({**order.to_json(), "wire": body, "endpoint": studio.endpoint(order.region)})
        return
    table = Table(title=f"{order.model} in {order.region}", title_justify="left")
    for heading in ("field", "asked", "what happens", "sent as", "why"):
        table.add_column(heading)
    for row in explain_rows(order):
        table.add_row(*(Text(row[name]) for name in ("field", "asked", "action", "wire", "reason")))
    console = Console()
    console.print(table)
    quote = order.quote
    console.print(
        Text(
            f"{quote.seconds} s × {quote.price_per_second} {quote.currency} = {quote.amount} {quote.currency}",
            "bold",
        ),
        Text(f"({quote.source}, read {quote.read_on})"),
    )
    console.print(Text(f"key {order.key}"))
    for warning in order.warnings:
        tell(f"note: {warning}", "yellow")
    print(f"POST {studio.endpoint(order.region)}/services/aigc/video-generation/video-synthesis")
    print_json(body)


def _range(durations: tuple[int, ...]) -> str:
    if len(durations) > 3 and durations == tuple(range(durations[0], durations[-1] + 1)):
        return f"{durations[0]}–{durations[-1]}"
    return ", ".join(map(str, durations)) or "?"
