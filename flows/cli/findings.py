"""Findings of `wan-video doctor` and `wan-video validate` in a terminal, one by one as they are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from flows.cli.console import print_json, stderr

if TYPE_CHECKING:
    from footage.checkup import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def print_findings(findings: Iterable[Finding], as_json: bool) -> list[Finding]:
    """Print each finding as soon as it is known; all of them."""
    found: list[Finding] = []
    console = stderr if as_json else Console(highlight=False, soft_wrap=True)
    for finding in findings:
        found.append(finding)
        console.print(
            Text(f"{finding.level:<5}", _STYLES[finding.level]), Text(f"{finding.name:<12}"), end=" "
        )
        console.print(Text(finding.message))
        if finding.fix and finding.level != "ok":
            console.print(Text(f"{'':<19}→ {finding.fix}", "bold"))
    if as_json:
        print_json([finding.to_json() for finding in found])
    return found
