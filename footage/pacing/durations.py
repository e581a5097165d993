"""How long a model takes for a clip: what its tasks of this process took, else what the catalogue says."""

from __future__ import annotations

import statistics
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from footage.catalogue import usual_seconds

if TYPE_CHECKING:
    from footage.provider import TaskAnswer

# One clip may be an exception; twenty forget what the provider's load was an hour ago.
ENOUGH, KEPT = 3, 20


class Durations:
    """Seconds from the start of a task to its end, by model."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def of(self, model: str) -> float:
        """The usual seconds of a model's clip."""
        seen = self._seen.get(model, ())
        return statistics.median(seen) if len(seen) >= ENOUGH else usual_seconds(model)

    def learn(self, model: str, answer: TaskAnswer) -> None:
        """Remember how long a finished task took, where its answer tells."""
        took_s = seconds_at_work(answer)
        if took_s is not None:
            self._seen.setdefault(model, deque(maxlen=KEPT)).append(took_s)


def seconds_at_work(answer: TaskAnswer) -> float | None:
    """From `scheduled_time` to `end_time`; both are in one zone, which need not be known for a difference."""
    output = answer.answer.get("output")
    if not isinstance(output, dict):
        return None
    try:
        began, ended = (datetime.fromisoformat(str(output[name])) for name in ("scheduled_time", "end_time"))
        took_s = (ended - began).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
    return took_s if took_s > 0 else None
