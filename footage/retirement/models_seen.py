"""`models-seen.json`: what the provider said of each model when it was asked last, and the most that it ever allowed.

One small record of a store. It may be lost: then limits have nothing to shrink from until they are seen again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from footage.errors import BadRecord, NotThere
from footage.evidence.reader import RecordReader
from footage.evidence.records import Count, Key, Moment, Name, Record

if TYPE_CHECKING:
    from footage.provider import ModelListing, Quota
    from footage.storage import Store

PATH = "models-seen.json"
# Limits shrink in the three months between notice and end; after that the smaller limit is simply the limit.
NOTICE_TIME = timedelta(days=100)
# Models times regions times accounts, with room.
_MOST = 500
_MOST_NAMED = 20

Limit = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class LimitSeen(BaseModel):
    """One limit, and the most that it was lately."""

    model_config = ConfigDict(frozen=True, extra="allow")

    now: Limit
    most: Limit
    # When it was that much last.
    most_at: Moment

    @property
    def shrunk(self) -> bool:
        """Whether it is less than it was."""
        return self.now < self.most


class Dependents(BaseModel):
    """What needs a model that stops."""

    model_config = ConfigDict(frozen=True, extra="allow")

    # Clips that are bought and not delivered.
    open_clips: Count = 0
    first_open: Annotated[list[Key], Field(max_length=_MOST_NAMED)] = Field(default_factory=list[Key])
    # Titles of the storyboards that lately ordered it.
    boards: Annotated[list[Name], Field(max_length=_MOST_NAMED)] = Field(default_factory=list[Name])


class ModelSeen(BaseModel):
    """What the provider said of one model in one region to one account."""

    model_config = ConfigDict(frozen=True, extra="allow")

    model: Name
    region: Name
    account: Name
    seen_at: Moment
    # None while it was never listed to this account.
    listed_at: Moment | None = None
    # It was listed, and is not any more.
    unlisted: bool = False
    offline_at: Moment | None = None
    creates_per_second: LimitSeen | None = None
    running_tasks: LimitSeen | None = None
    dependents: Dependents = Dependents()
    # What the last event was about, so that each change is an event once.
    announced: Annotated[str, Field(max_length=500)] | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is about."""
        return self.model, self.region, self.account


class ModelsSeen(Record):
    """All of them, newest answers."""

    models: Annotated[list[ModelSeen], Field(max_length=_MOST)] = Field(default_factory=list[ModelSeen])

    def of(self, model: str, region: str, account: str) -> ModelSeen | None:
        """What was said of one model in one region to one account."""
        return next((seen for seen in self.models if seen.place == (model, region, account)), None)

    def with_new(self, new: list[ModelSeen]) -> ModelsSeen:
        """The same with newer answers in the places of the older ones."""
        places = {seen.place for seen in new}
        kept = [seen for seen in self.models if seen.place not in places]
        return self.model_copy(update={"models": (new + kept)[:_MOST]})


def read_models_seen(store: Store) -> ModelsSeen:
    """What was seen last; nothing where that is lost or does not fit.

    Raises:
        StorageProblem: The store cannot be read.
    """
    try:
        return RecordReader(store).record(PATH, ModelsSeen)
    except (NotThere, BadRecord):
        return ModelsSeen()


def seen_again(
    before: ModelSeen | None,
    place: tuple[str, str, str],
    listing: ModelListing,
    quota: Quota | None,
    now: datetime,
) -> ModelSeen:
    """What is known of a model after it was asked for once more; what was not answered stays as it was."""
    model, region, account = place
    before = before or ModelSeen(model=model, region=region, account=account, seen_at=now)
    return before.model_copy(
        update={
            "seen_at": now,
            "listed_at": now if listing.listed else before.listed_at,
            "unlisted": before.unlisted if listing.listed is None else _unlisted(before, listing),
            "offline_at": listing.offline_at if listing.listed else before.offline_at,
            "creates_per_second": _limit(
                before.creates_per_second, quota.creates_per_second if quota else None, now
            ),
            "running_tasks": _limit(before.running_tasks, quota.concurrent_tasks if quota else None, now),
        }
    )


def _unlisted(before: ModelSeen, listing: ModelListing) -> bool:
    return listing.listed is False and before.listed_at is not None


def _limit(before: LimitSeen | None, value: float | None, now: datetime) -> LimitSeen | None:
    # 0 is told where a limit does not apply; nothing can be read from it.
    if not value or value > 1e6:
        return before
    if before is None or value >= before.most or now - before.most_at > NOTICE_TIME:
        return LimitSeen(now=value, most=value, most_at=now)
    return before.model_copy(update={"now": value})
