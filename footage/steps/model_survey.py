"""Ask the provider about its models, for free: which are open to the key, until when, and with which limits."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from footage.catalogue import offered_models
from footage.errors import FootageError, NotThere, StorageProblem
from footage.evidence.reader import RecordReader
from footage.evidence.records import Intent
from footage.evidence.stored_clips import attempts_in, names_of
from footage.retirement.models_seen import (
    PATH,
    Dependents,
    ModelSeen,
    read_models_seen,
    seen_again,
)
from footage.retirement.notice import ModelNotice, notice_of, notices
from footage.steps.open_clips import look

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.order import Order
    from footage.provider import ModelListing, Quota, WanClient

logger = logging.getLogger(__name__)

# Boards of so many days back, and of so many creates at the most, count as needing a model.
BOARD_TIME = timedelta(days=14)
_MOST_CREATES = 500
_MOST_NAMED = 20
# With these a create is refused when its model is gone, or was never open to the key.
_NO_MODEL = frozenset(
    ("Model.AccessDenied", "ModelNotFound", "AccessDenied", "AccessDenied.Unpurchased", "InvalidParameter")
)


@dataclass
class ModelSurvey:
    """What the provider said of the models of one region to one account, and what is to be told of all accounts."""

    listings: dict[str, ModelListing] = field(default_factory=dict[str, "ModelListing"])
    quotas: dict[str, Quota | None] = field(default_factory=dict[str, "Quota | None"])
    notices: list[ModelNotice] = field(default_factory=list[ModelNotice])


def survey_models(
    context: Context, region: str, api_key: ApiKey | None = None, *, keep: bool = True
) -> ModelSurvey:
    """Ask with a key (None: the first) about every model of a region, and write down what was said to its account;
    without `keep` only where it is news.

    Raises:
        AccountProblem, Throttled, Unreachable: The provider does not answer.
        StorageProblem: The store cannot be read or written.
    """
    api_key = api_key or context.api_key
    client = context.client_in(region, api_key)
    found = ModelSurvey()
    before = read_models_seen(context.store)
    now = context.provider_now()
    new: list[ModelSeen] = []
    for card in offered_models().values():
        if region not in card.regions:
            continue
        place = (card.name, region, api_key.account)
        listing = found.listings[card.name] = client.model_listing(card.name)
        quota = found.quotas[card.name] = client.quotas(card.name)
        new.append(seen_again(before.of(*place), place, listing, quota, now))
    new = _with_dependents(context, new)
    after = before.with_new(new)
    found.notices = notices(after, now)
    if keep or found.notices or before.models:
        context.store.replace(PATH, after.to_bytes())
    return found


def report_changes(context: Context, tell: Callable[[ModelNotice], None]) -> None:
    """Call `tell` for every notice that has changed since it was told last, and remember that it was.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    seen = read_models_seen(context.store)
    told: list[ModelSeen] = []
    for notice in notices(seen, context.provider_now()):
        if notice.signature != notice.seen.announced:
            tell(notice)
            told.append(notice.seen.model_copy(update={"announced": notice.signature}))
    if told:
        context.store.replace(PATH, seen.with_new(told).to_bytes())


def name_successor(context: Context, client: WanClient, order: Order, refusal: FootageError) -> FootageError:
    """The refusal of a create; where the model is gone it says so, and what to order in its place."""
    if refusal.code not in _NO_MODEL:
        return refusal
    gone = _retired(context, client, order.model, order.region)
    if gone is None:
        return refusal
    details = refusal.details | {"successor": gone.successor}
    return type(refusal)(
        f"{gone.fate()}: {refusal.message} Nothing was bought, and what was bought before is still delivered.",
        next_step=gone.advice(),
        **details,
    )


def _retired(context: Context, client: WanClient, model: str, region: str) -> ModelNotice | None:
    """Whether the model does not take creates any more, from what was seen of it, else from the provider's list.

    Never raises: it is asked when something else went wrong already.
    """
    try:
        seen, now = read_models_seen(context.store), context.provider_now()
        place = (model, region, client.api_key.account)
        before = seen.of(*place)
        known = notice_of(before, now) if before else None
        if known is None or not known.gone:
            after = seen_again(before, place, client.model_listing(model), None, now)
            known = notice_of(after, now)
            if known is not None:
                context.store.replace(PATH, seen.with_new([after]).to_bytes())
    except Exception as error:  # noqa: BLE001 - the refusal is told, whatever this comes to
        logger.debug("Nothing is known about the retirement of %s: %s", model, type(error).__name__)
        return None
    return known if known is not None and known.gone else None


def _with_dependents(context: Context, models: list[ModelSeen]) -> list[ModelSeen]:
    """Say what needs those that there is something to tell of; the others cost no look."""
    now = context.provider_now()
    wanted = {seen.model for seen in models if notice_of(seen, now)}
    if not wanted:
        return [seen.model_copy(update={"dependents": Dependents()}) for seen in models]
    clips, boards = _open_clips(context, wanted), _boards(context, wanted)
    return [
        seen.model_copy(
            update={
                "dependents": Dependents(
                    open_clips=min(len(clips[seen.model]), 100_000),
                    first_open=clips[seen.model][:_MOST_NAMED],
                    boards=boards[seen.model][:_MOST_NAMED],
                )
            }
        )
        for seen in models
    ]


def _open_clips(context: Context, wanted: set[str]) -> defaultdict[str, list[str]]:
    """Keys of the open clips by model."""
    clips: defaultdict[str, list[str]] = defaultdict(list)
    reader = RecordReader(context.store)
    for clip in look(context.store).unfinished:
        try:
            last = max(attempts_in(names_of(context.store, clip.key)), default=None)
            if last is None:
                continue
            intent = reader.record(f"evidence/{clip.key}/attempt-{last}/intent.json", Intent, key=clip.key)
        except (NotThere, StorageProblem):
            # Harvest tells of it; here it only is not counted.
            continue
        if intent.model in wanted:
            clips[intent.model].append(clip.key)
    return clips


def _boards(context: Context, wanted: set[str]) -> defaultdict[str, list[str]]:
    """Titles of the boards of the last days by model, the newest first."""
    boards: defaultdict[str, list[str]] = defaultdict(list)
    since = context.spending.day_of(context.provider_now() - BOARD_TIME)
    for line in islice(context.spending.newest_lines(since), _MOST_CREATES):
        if line.model in wanted and line.board and line.board not in boards[line.model]:
            boards[line.model].append(line.board)
    return boards
