"""How long to wait between two questions about one task: as short as the account allows.

Questions are free and a person's minutes are not. An account may ask 20 questions a second (Model Studio rate
limits, read 2026-11), so what decides is how many clips wait. While they are a few, each is asked for when the wait of
the DashScope SDK 2.0.2 would ask, so that no end is noticed later than there, and once more in each of its long pauses;
what that leaves of a question in two seconds goes to where an end is likely.
"""

from __future__ import annotations

import itertools
import random

# The shortest pause unless an operator says otherwise.
DEFAULT_MIN_S = 1.0
# What each waiting clip costs: a hundred are asked for every 2 s, 1,000 every 20 s.
PER_CLIP_S = 0.02
# At most so many have a pace of their own; fewer where the account allows less (`few`).
FEW = 11
# How much of what the account allows now goes to questions about clips that wait; the rest is for those that ended, for
# cancels and for lost answers.
_SHARE = 0.5

# How long the SDK pauses after each answer. A little more at first: where both would ask at the same moment, what ends
# in that moment is noticed by who asks second.
_SDK_PAUSES_S = (1.02, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0)
_SDK_LAST_PAUSE_S = 5.0
# What a clip may cost in the mean of its life, and how many more may be asked for it in a pause that is likely.
_QUESTIONS_PER_S = 0.5
_SPARE = 1
# Questions in each of the SDK's last pauses: where an end is likely as many as are left, else the fewest.
_FEWEST, _MOST = 2, 4
# A quick model ends here, and a picture that is refused after all.
_EARLY_S = (19.0, 29.0)
# An end is likely within these shares of the usual time: one that is late may come at any moment.
_LIKELY = (0.6, 3.0)
# A question that comes so much after its moment was held up by more than our own work: what follows moves with it.
_HELD_UP_S = 0.5


def interval_s(waiting: int, min_s: float, max_s: float, *, questions: int, per_second: float) -> float:
    """Seconds until a task is asked for again while `waiting` tasks are waited for, within an operator's bounds.

    `questions` are asked for all of them in that time, and the account allows `per_second` now.
    """
    return min(max_s, max(min_s, waiting * PER_CLIP_S, questions / (_SHARE * per_second)))


def few(waiting: int, per_second: float) -> bool:
    """Whether so few wait that each may have a pace of its own, by what the account allows now."""
    return waiting <= min(FEW, _SHARE * per_second / _QUESTIONS_PER_S)


def scattered(pause_s: float, min_s: float, max_s: float) -> float:
    """About this pause, within an operator's bounds: hundreds of clips must not ask at the same instant."""
    return random.uniform(max(min_s, 0.9 * pause_s), min(max_s, 1.1 * pause_s))


class ClipPace:
    """When to ask about one task next; not thread-safe."""

    def __init__(self, began_s: float) -> None:
        """`began_s`: when its create was answered, on the caller's clock; the first question is due then."""
        self._began_s = began_s
        self._gaps = itertools.chain(_SDK_PAUSES_S, itertools.repeat(_SDK_LAST_PAUSE_S))
        # The gap between the last question that the SDK asks, too, and its next, and how many of ours it has.
        self._from_s = began_s
        self._gap_s = 0.0
        self._asked, self._questions = 0, 0
        self._asked_before = 0
        self._due_s = began_s

    def pause_s(self, asked_s: float, answered_s: float, now_s: float, usual_s: float) -> float:
        """Seconds from `now_s` to the next question; the last one was asked and answered at these moments.

        `usual_s` is how long a clip of this model usually takes.
        """
        if self._asked == self._questions:
            # As the SDK does: a slow answer moves all that follows. What we did between waking up and asking does not,
            # or a hundredth of a second a question would be a whole one in the end.
            due_s = self._due_s if asked_s - self._due_s < _HELD_UP_S else asked_s
            self._asked_before += self._questions
            self._from_s, self._gap_s, self._asked = due_s + answered_s - asked_s, next(self._gaps), 0
            self._questions = self._questions_until(answered_s - self._began_s + self._gap_s, usual_s)
        self._asked += 1
        self._due_s = self._from_s + self._gap_s * self._asked / self._questions
        return max(self._due_s - now_s, 0.0)

    def _questions_until(self, age_s: float, usual_s: float) -> int:
        """How many questions the gap has at whose end the clip is so old."""
        if self._gap_s < _SDK_LAST_PAUSE_S:
            return 1
        first, last = (share * usual_s for share in _LIKELY)
        early = _EARLY_S[0] <= age_s - self._gap_s < _EARLY_S[1]
        if not early and not first < age_s < last:
            return _FEWEST
        left = _QUESTIONS_PER_S * age_s + _SPARE - self._asked_before
        return min(_MOST, max(_FEWEST, int(left)))
