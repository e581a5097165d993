"""What a person is told of a model that stops, whose limits shrink, or that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footage.catalogue import SWITCHES, known_models, offered_models
from footage.credentials import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    from footage.retirement.models_seen import LimitSeen, ModelSeen, ModelsSeen


@dataclass(frozen=True)
class ModelNotice:
    """One model that stops, or whose limits shrink: a sign of the same."""

    seen: ModelSeen
    # It takes no creates any more.
    gone: bool

    @property
    def successor(self) -> str | None:
        """What the catalogue advises in its place."""
        card = known_models().get(self.seen.model)
        return card.successor if card else None

    @property
    def signature(self) -> str:
        """What changes when there is something new to tell."""
        seen = self.seen
        limits = [
            f"{limit.now:g}" if limit and limit.shrunk else "-"
            for limit in (seen.creates_per_second, seen.running_tasks)
        ]
        return "|".join([_day(seen.offline_at) or "-", *limits, "gone" if self.gone else "-"])

    def in_words(self) -> str:
        """One sentence: what happens, when, and what depends on it."""
        return f"{self.fate()}; {self._needed_by()}"

    def advice(self) -> str:
        """What to do."""
        card = known_models().get(self.seen.model)
        if card is None or card.successor is None:
            return "order another model: wan-video models"
        note = f" ({card.successor_note})" if card.successor_note else ""
        switch = (
            "" if card.successor in offered_models() else f"; {SWITCHES}=+{card.successor} switches it on"
        )
        return f"its documented successor is {card.successor}{note}{switch}"

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        seen, needed = self.seen, self.seen.dependents
        return {
            "model": seen.model,
            "region": seen.region,
            "account": seen.account,
            "gone": self.gone,
            "offline_at": seen.offline_at.isoformat(timespec="seconds") if seen.offline_at else None,
            "creates_per_second": _limit_json(seen.creates_per_second),
            "running_tasks": _limit_json(seen.running_tasks),
            "open_clips": needed.open_clips,
            "boards": needed.boards,
            "successor": self.successor,
            "seen_at": seen.seen_at.isoformat(timespec="seconds"),
        }

    def fate(self) -> str:
        """What happens to it, and when."""
        seen = self.seen
        where = f"{seen.model} in {seen.region}"
        if seen.account != DEFAULT_ACCOUNT:
            where += f", account {seen.account},"
        day = _day(seen.offline_at)
        if self.gone:
            announced = day and seen.offline_at is not None and seen.offline_at <= seen.seen_at
            return f"{where} is gone" + (f" since {day}" if announced else "")
        fate = [f"stops on {day}"] if day else []
        fate += _shrunk("creates a second", seen.creates_per_second)
        fate += _shrunk("running tasks", seen.running_tasks)
        return f"{where} {' and '.join(fate)}"

    def _needed_by(self) -> str:
        needed = self.seen.dependents
        clips = f"{needed.open_clips} open clips" if needed.open_clips != 1 else "1 open clip"
        if not needed.boards:
            return f"{clips} and no board of the last days need it"
        return f"{clips} and the boards {', '.join(needed.boards)} need it"


def _day(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%d}" if time else None


def _shrunk(what: str, limit: LimitSeen | None) -> list[str]:
    if limit is None or not limit.shrunk:
        return []
    return [f"takes {limit.now:g} {what} instead of {limit.most:g} ({limit.most_at:%Y-%m-%d})"]


def _limit_json(limit: LimitSeen | None) -> dict[str, Any] | None:
    return None if limit is None else {"now": limit.now, "most": limit.most}


def notices(seen: ModelsSeen, now: datetime) -> list[ModelNotice]:
    """Of all models that were seen, those that stop, stopped, or shrink; the first to stop comes first."""
    found = [notice for each in seen.models if (notice := notice_of(each, now))]
    return sorted(
        found,
        key=lambda notice: (
            not notice.gone,
            notice.seen.offline_at is None,
            notice.seen.offline_at or now,
            notice.seen.place,
        ),
    )


def notice_of(seen: ModelSeen, now: datetime) -> ModelNotice | None:
    """What there is to tell of one model; None where nothing is."""
    gone = seen.unlisted or (seen.offline_at is not None and seen.offline_at <= now)
    shrinks = any(limit and limit.shrunk for limit in (seen.creates_per_second, seen.running_tasks))
    return ModelNotice(seen, gone) if gone or seen.offline_at is not None or shrinks else None
