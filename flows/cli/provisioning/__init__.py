"""What the project needs on a Prefect server: made by `wan-video setup`, looked at by `wan-video doctor`.

Everything is made once and then left as operators change it: a limit that was lowered, a pool of another type
and an automation that was switched off stay so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Done:
    """One thing on the server: what it is, its name, and what became of it."""

    kind: str
    name: str
    became: Literal["made", "kept", "updated", "skipped", "removed"]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
