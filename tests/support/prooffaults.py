"""The faults of the provider that the proof of many clips (`make scale`) meets, one in a hundred clips."""

from __future__ import annotations

# By the emulator's names (footage/emulator/README.md); each is met once.
FAULTS = (
    "create-accept-reset",
    "create-accept-503",
    "create-503",
    "query-502-html",
    "query-reset",
    "result-reset",
    "result-truncated",
    "failed-InternalError.Algo",
)


def with_fault(prompt: str, number: int) -> str:
    """The prompt of a clip that meets fault `number`; after the last one comes the first again."""
    return f"{prompt} [[emulator: {FAULTS[number % len(FAULTS)]}]]"
