"""The takes of a board as rows for people: which one is used, what differs in its request, its price and its date."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.errors import FootageError
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_order import stored_order
from footage.privacy.redact import redact
from footage.storyboard.take_list import Take, chosen
from footage.values.money import money

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

# Each take has its own; what a picture is, its hash tells, and what of a label is bought, the watermark.
_NOT_COMPARED = frozenset(
    {"take", "seed", "reference_image", "region", "strict", "conform", "visible_label", "watermark"}
)


@dataclass(frozen=True)
class TakeRow:
    """One take of a shot, as it is listed."""

    shot: str
    take: int
    key: str
    # new, keep, pick, retake or reject; not delivered where there is nothing to look at.
    state: str
    # Whether the cut takes it.
    used: bool
    # Whether it is one of what the board asks of the shot now.
    current: bool
    seed: int | None
    price: str | None
    ordered_at: str
    note: str | None
    by: str | None
    frame: int | None
    # What its request has that the one that is used, or the first one, has not: field -> value.
    differs: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "differs": dict(self.differs)}


def take_rows(store: Store, takes: Sequence[Take], shot_sha256: str | None = None) -> list[TakeRow]:
    """The takes of one shot; `shot_sha256` of what the board asks of it now, None for the newest of its requests.

    Raises:
        StorageProblem: A request cannot be read.
    """
    if not takes:
        return []
    now = shot_sha256 or max(takes, key=lambda take: take.record.ordered_at).record.shot_sha256
    used = chosen(takes, now)
    requests = {take.key: _request(store, take) for take in takes} if len(takes) > 1 else {}
    beside = requests.get((used or takes[0]).key, {})
    return [_row(take, take is used, now, requests.get(take.key, {}), beside) for take in takes]


def _row(take: Take, used: bool, now: str, request: Mapping[str, Any], beside: Mapping[str, Any]) -> TakeRow:
    clip = take.result.clip if take.result is not None else None
    said = take.verdict
    cost = clip.cost if clip is not None else None
    return TakeRow(
        shot=take.record.shot,
        take=take.number,
        key=take.key,
        state=take.state if clip is not None else "not delivered",
        used=used,
        current=take.is_of(now),
        seed=clip.seed if clip is not None else None,
        price=None if cost is None else money(cost.amount, cost.currency),
        ordered_at=f"{take.record.ordered_at:%Y-%m-%d %H:%M} UTC",
        note=said.note if said is not None else None,
        by=said.by if said is not None else None,
        frame=said.frame if said is not None else None,
        differs={
            name: value for name, value in request.items() if request and beside and beside.get(name) != value
        },
    )


def _request(store: Store, take: Take) -> dict[str, Any]:
    try:
        order = stored_order(ClipEvidence(store, take.key))
    except FootageError as error:
        # Such as one whose order was never written, because the store went away.
        logger.info(
            "The request of take %s of shot %s is not known: %s", take.number, take.record.shot, error.message
        )
        return {}
    fields = order.request.model_dump(mode="json", exclude=set(_NOT_COMPARED))
    picture = order.image.source_sha256[:12] if order.image is not None else None
    return redact({**fields, "watermark": order.request.asks_watermark, "first frame": picture})
