"""`wan-video spending`: what was spent, from the ledger of the store."""

from __future__ import annotations

import csv as csv_file
import io
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from flows.cli.console import print_json, print_table, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch, offering
from footage.errors import InvalidRequest, Problem
from footage.privacy.display import one_line, plain

if TYPE_CHECKING:
    from footage.context import Context
    from footage.spending.summary import By, SpendingReport

BY = ("day", "model", "board", "account", "region", "line")
Day = Annotated[str | None, Parameter(metavar="YYYY-MM-DD")]


def spending(
    *,
    by: Annotated[str, offering(BY, "WHAT")] = "day",
    since: Day = None,
    until: Day = None,
    csv: Switch = False,
    json: Switch = False,
    emulator: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """What was spent, from the ledger that every run of the store writes before it buys.

    Args:
        by: day, model, board, account or region for sums; line for every create, with its time in the zone of the days.
        since: First day; not given: the first of the month of the last one.
        until: Last day; not given: today.
        csv: Print it as CSV, alone on stdout.
        json: Print it as JSON, alone on stdout.
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    if by not in BY:
        raise InvalidRequest(problems=(Problem("by", by, "is nothing to sum by", ", ".join(BY)),))
    if csv and json:
        raise InvalidRequest(
            problems=(Problem("json", "--csv --json", "only one of the two", "one of them"),)
        )
    first, last = _day("since", since), _day("until", until)
    with emulated(emulator), store_here(storage_block) as context:
        zone = ZoneInfo(context.settings.day_zone)
        report = _report(context, first, last)
        spent = context.spending.spent(context.provider_now())
        caps = tuple(context.caps)
    rows = report.rows(by)
    if json:
        print_json(
            {
                "since": str(report.first),
                "until": str(report.last),
                "spending": rows,
                "caps": [cap.to_json(spent) for cap in caps],
            }
        )
    elif csv:
        print(as_csv(rows), end="")
    else:
        _print_table(report, by, zone)
        for cap in caps:
            tell(f"{cap.left_in_words(spent)} ({cap.variable})")
    return 0


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidRequest(problems=(Problem(name, text or "", "is no day", "YYYY-MM-DD"),)) from None


def _report(context: Context, first: date | None, last: date | None) -> SpendingReport:
    from footage.spending.summary import spending_report
    from footage.steps.open_clips import open_keys

    today = context.spending.day_of(context.provider_now())
    last = last or today
    first = first or last.replace(day=1)
    if first > last:
        problem = Problem("since", str(first), "is after the last day", f"{last} or an earlier day")
        raise InvalidRequest(problems=(problem,))
    return spending_report(context.spending, open_keys(context.store), first, last)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows with a head; what a spreadsheet would take for a formula is text there."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv_file.DictWriter(out, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _print_table(report: SpendingReport, by: By, zone: ZoneInfo) -> None:
    from footage.values.money import money

    if by == "line":
        for entry in report.entries:
            line, board = entry.line, one_line(entry.line.board or "")
            print(
                f"{line.written_at.astimezone(zone):%Y-%m-%d %H:%M}  {line.key[:12]}/{line.attempt}  {line.model:<18}"
                f"{money(entry.amount, line.currency):>14}  {entry.state:<9} {line.region}  {board}".rstrip()
            )
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        # A day has ten characters; a title may have any number.
        table.add_column(by, overflow="fold", min_width=10)
        for heading in ("creates", "not billed", "bought", "promised"):
            table.add_column(heading, justify="right", no_wrap=True)
        for group in report.groups(by):
            table.add_row(
                Text(plain(group.name)),
                str(group.creates),
                str(group.unbilled),
                money(group.bought, group.currency),
                money(group.promised, group.currency) if group.promised else "",
            )
        print_table(table)
    tell(f"{report.first} to {report.last}: {report.in_words()}.", "bold")
