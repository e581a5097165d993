"""How long to wait between two questions about one task: as short as the account allows, whatever the model.

Questions are free and a person's minutes are not. An account may ask 20 questions a second (Model Studio rate
limits, read 2026-11), so what decides is how many clips wait, not how long a model usually takes: a clip that is
asked for every second is noticed half a second after its end in the middle.
"""

from __future__ import annotations

import random

# The shortest pause unless an operator says otherwise.
DEFAULT_MIN_S = 1.0
# What each waiting clip costs: a hundred are asked for every 2 s, 1,000 every 20 s.
PER_CLIP_S = 0.02
# So few are asked for at whole intervals since the answer to their create. The wait of the DashScope SDK 2.0.2 asks at
# whole seconds after it, too (pauses of 1, 1, 2, 2, 2, 4, 4, 4 and then 5 s), so it hears of no end before us.
FEW = 8
# A task that takes whole seconds has ended a moment after them.
AFTER_S = 0.01


def interval_s(waiting: int, min_s: float, max_s: float) -> float:
    """Seconds until a task is asked for again while `waiting` tasks are waited for, within an operator's bounds."""
    return min(max_s, max(min_s, waiting * PER_CLIP_S))


def pause_s(interval_s: float, waiting: int, age_s: float) -> float:
    """Seconds from now to the next question about a task that is waited for since `age_s` seconds."""
    if waiting > FEW:
        # Hundreds of clips must not ask at the same instant.
        return interval_s * random.uniform(0.9, 1.1)
    rest_s = interval_s - (age_s - AFTER_S) % interval_s
    # An answer that came late needs no question right behind it.
    return rest_s if rest_s > interval_s / 10 else rest_s + interval_s
