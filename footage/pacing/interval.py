"""How long to wait between two questions about one task: as short as the account allows, whatever the model.

Questions are free and a person's minutes are not. An account may ask 20 questions a second (Model Studio rate
limits, read 2026-11), so what decides is how many clips wait, not how long a model usually takes: a clip that is
asked for every two seconds is noticed one second after its end in the middle, and costs one question in two seconds.
"""

from __future__ import annotations

# The shortest pause unless an operator says otherwise; the DashScope SDK's own wait asks every five seconds.
DEFAULT_MIN_S = 2.0
# What each waiting clip costs: from a hundred on it is more than the shortest pause, 1,000 are asked for every 20 s.
PER_CLIP_S = 0.02


def interval_s(waiting: int, min_s: float, max_s: float) -> float:
    """Seconds until a task is asked for again while `waiting` tasks are waited for, within an operator's bounds."""
    return min(max_s, max(min_s, waiting * PER_CLIP_S))
