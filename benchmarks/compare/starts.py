"""Starts: what a person waits for before anything is asked of the provider."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from rows import Row

from footage.emulator import Emulator

ROOT = Path(__file__).parents[2]
# What Prefect takes for any flow with a parameter: its settings and logging, and pydantic's old models for the schema.
FLOW_OF_ONE_LINE = "from prefect import flow\n@flow\ndef one(number: int = 0): pass"
WAN_VIDEO = str(Path(sys.executable).with_name("wan-video"))


def commands(runs: int, folder: Path) -> list[Row]:
    """`--help`, `models`, and a clip that is stored already; nobody else has these."""
    request = ["generate", "--prompt", "A paper boat", "--model", "wan2.2-t2v-plus", "--size", "832*480"]
    rows = []
    with Emulator(speed=60, render="tiny") as emulator:
        environment = os.environ | {
            "OUTPUT_DIR": str(folder),
            "DASHSCOPE_HTTP_BASE_URL": emulator.base_url,
            "DASHSCOPE_API_KEY": emulator.api_key,
        }
        for what, arguments in (
            ("start: wan-video --help", ["--help"]),
            ("start: wan-video models", ["models"]),
            ("start: a clip that is stored already", request),
        ):
            row = Row(what, "s")
            for number in range(runs + 1):
                took_s = _timed([WAN_VIDEO, *arguments], environment)
                if number:
                    row.add("ours", took_s)
            rows.append(row)
    return rows


def imports(runs: int) -> Row:
    """What our flow's import costs beyond that of a flow of one line, the two in turns."""
    row = Row("start: import flows.generate beyond Prefect", "s")
    for number in range(runs + 1):
        prefect_s, ours_s = (
            _timed([sys.executable, "-c", code], dict(os.environ))
            for code in (FLOW_OF_ONE_LINE, "import flows.generate")
        )
        if number:
            row.add("ours", ours_s - prefect_s)
    return row


def _timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - began
