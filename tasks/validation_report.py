"""How a validation ends in Prefect, and the table of its checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import State
from prefect.artifacts import acreate_table_artifact
from prefect.states import Completed, Failed

from footage.privacy.redact import redact
from footage.values.counted import counted
from tasks.artifacts import published
from tasks.markdown import as_cell

if TYPE_CHECKING:
    from footage.checkup import Finding


async def validated(findings: list[Finding], report_url: str) -> State[Any]:
    """Completed or Failed, with a table of every check."""
    # A signed link is the caller's; the server's database keeps it without its signature.
    shown_url = redact(report_url)
    await published(
        acreate_table_artifact(
            table=[
                {
                    "check": found.name,
                    "is": found.level,
                    "what": as_cell(found.message),
                    "fix": as_cell(found.fix or ""),
                }
                for found in findings
            ],
            key="validate",
            description=f"{counted(len(findings), 'check')}, also in {shown_url}",
        )
    )
    broken = [f"{found.name}: {found.message}" for found in findings if found.level == "fail"]
    if broken:
        return Failed(message="; ".join(broken))
    worries = sum(found.level == "warn" for found in findings)
    data = {"report_url": report_url, "findings": [found.to_json() for found in findings]}
    return Completed(
        message=f"{counted(len(findings), 'check')}, {counted(worries, 'warning')}: {shown_url}", data=data
    )
