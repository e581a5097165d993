"""`wan-video explain`: what would be sent. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.console import print_json, show_progress
from flows.cli.emulator_client import emulated
from flows.cli.flags import Switch
from flows.cli.request_flags import RequestFile, RequestFlags, collect

if TYPE_CHECKING:
    from footage.context import Context
    from footage.order import Order


def explain(
    file: RequestFile = None,
    /,
    *,
    request: RequestFlags = None,
    emulator: Switch = False,
    json: Switch = False,
) -> None:
    """What would become of every field of a request, what would be sent, and what it would cost.

    Args:
        file: The request as a JSON file, or - for stdin. Flags beat what is in it.
        emulator: What would be sent to the local stand-in instead of the provider.
        json: Print the report as JSON, alone on stdout.
    """
    from flows.cli.contexts import context_alone
    from footage.steps.check import prepare

    asked = collect(file, request)
    show_progress()
    with emulated(emulator), context_alone(None, None) as context:
        show_order(context, prepare(context, asked).order, as_json=json)


def show_order(context: Context, order: Order, *, as_json: bool) -> None:
    """Print the explain report, the exact body and the quote of a request."""
    endpoint = context.endpoint(order.region)
    body = order.wire_preview()
    if as_json:
        print_json({**order.to_json(), "wire": body, "endpoint": endpoint})
        return
    _print_report(order)
    print(f"POST {endpoint}/services/aigc/video-generation/video-synthesis")
    print_json(body)


def _print_report(order: Order) -> None:
    from footage.order import explain_rows
    from footage.values.money import exact_money

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("field", "what happens", "why"):
        table.add_column(heading, overflow="fold")
    for row in explain_rows(order):
        # What is sent as it was asked need not be said twice.
        happens = row["action"] + (
            f": {row['wire']}" if row["wire"] else f": {row['asked']}" if row["asked"] else ""
        )
        table.add_row(Text(row["field"]), Text(happens), Text(row["reason"]))
    console = Console()
    console.print(Text(f"{order.model} in {order.region}", "bold"))
    console.print(table)
    quote = order.quote
    console.print(
        Text(
            f"{quote.seconds} s × {exact_money(quote.price_per_second, quote.currency)}"
            f" = {exact_money(quote.amount, quote.currency)}",
            "bold",
        ),
        Text(f"({quote.source}, read {quote.read_on})"),
    )
    console.print(Text(f"key {order.key}"))
    for warning in order.warnings:
        console.print(Text(f"note: {warning}", "yellow"))
