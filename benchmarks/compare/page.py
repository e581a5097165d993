"""The page of the figures: one table, one picture."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rows import Row

PAGE = Path(__file__).parents[1] / "README.md"
PICTURE = Path(__file__).parents[1] / "compared.png"
# What the table and the picture are made of.
FIGURES = Path(__file__).parents[1] / "figures.json"
_BEGIN, _END = "<!-- figures: make bench-full -->", "<!-- end of the figures -->"

_TITLE = (
    "Side by side: shorter is better, but for what is delivered (green: this project; own scale for each row)"
)
_WIDTH, _LEFT, _BAR, _GAP = 1200, 500, 22, 16
_OURS, _OTHER, _INK, _GREY, _PAPER = "#0b6e4f", "#b8c0c8", "#1c2024", "#5d666f", "#ffffff"


def table(rows: list[Row]) -> str:
    """All rows as Markdown: medians, and the runs behind them where there are several."""
    clients = list(dict.fromkeys(client for row in rows for client in row.figures))
    lines = [f"| what | {' | '.join(clients)} |", f"| --- |{' ---: |' * len(clients)}"]
    for row in rows:
        cells = [_cell(row, client) for client in clients]
        lines.append(f"| {row.what}, {row.unit} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Row, client: str) -> str:
    if client not in row.figures:
        return "–"
    values = row.figures[client]
    text = _number(row, row.median(client))
    if client == "ours":
        text = f"**{text}**"
    if len(values) > 1:
        text += f" ({_number(row, min(values))} to {_number(row, max(values))})"
    return f"{text}; {row.notes[client]}" if client in row.notes else text


def _number(row: Row, value: float) -> str:
    return f"{value:.2f}" if row.unit == "s" else f"{value:g}"


def write(rows: list[Row], *, command: str, whole: bool) -> list[Row]:
    """Put the table into the page, draw the picture, keep the figures; gives all rows of the page.

    What was not measured now stays as it was, unless this is the `whole` page.
    """
    now = (
        f"{datetime.now(UTC):%Y-%m-%d}, {command}, {os.cpu_count()} cores ({platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Prefect {version('prefect')}, dashscope {version('dashscope')})"
    )
    for row in rows:
        row.measured = now
    kept = [] if whole or not FIGURES.exists() else [Row(**row) for row in json.loads(FIGURES.read_text())]
    new = {row.what: row for row in rows}
    # In the order of the page, and what is new at its end.
    rows = [new.pop(row.what, row) for row in kept] + list(new.values())
    FIGURES.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    runs = list(dict.fromkeys(row.measured for row in rows))
    measured = [f"{what}: {len([r for r in rows if r.measured == what])} rows" for what in runs]
    text = PAGE.read_text()
    body = f"{_BEGIN}\nMeasured {'; '.join(measured)}.\n\n{table(rows)}\n\n![As bars](compared.png)\n{_END}"
    PAGE.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: body, text, flags=re.S))
    _draw([row for row in rows if len(row.figures) > 1])
    return rows


def _draw(rows: list[Row]) -> None:
    lines = sum(len(row.figures) for row in rows)
    height = 90 + lines * (_BAR + 4) + len(rows) * _GAP
    picture = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(22), ImageFont.load_default(17)
    draw.text((24, 20), _TITLE, _INK, large)
    y = 76
    for row in rows:
        most = max(row.median(client) for client in row.figures) or 1.0
        for number, client in enumerate(row.figures):
            value = row.median(client)
            length = max(2, int((_WIDTH - _LEFT - 260) * value / most))
            if number == 0:
                draw.text((24, y), row.what, _INK, small)
            draw.rectangle((_LEFT, y, _LEFT + length, y + _BAR), _OURS if client == "ours" else _OTHER)
            draw.text((_LEFT + length + 10, y), f"{_number(row, value)} {row.unit}  {client}", _GREY, small)
            y += _BAR + 4
        y += _GAP
    picture.save(PICTURE, optimize=True)
