"""A batch that was read, checked and priced: a small record for each line, and on disk what will be bought."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from footage.batch.spool import Place, Spool
from footage.batch.spooled_media import pickled, whole_media, with_bytes
from footage.concurrency.executors import STORE_CALLS_AT_ONCE, windows
from footage.errors import InvalidRequest, Problem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_order import stored_order
from footage.order import Quote, ordered_in
from footage.order.clip_by_key import ClipByKey
from footage.order.key import DEFAULT_RENDITION
from footage.order.prepared import Prepared
from footage.storyboard.board_quote import BoardQuote, quote_of
from footage.storyboard.to_buy import BoughtClip, bought_clip
from footage.values.money import Amount

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard.board import Budget

# So many lines are in memory at once while they are checked.
WINDOW = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, checked and priced; `same_as` is the id of an earlier line that is the same clip: it is paid once."""

    line: int
    id: str
    key: str
    model: str
    region: str
    quote: Quote
    # None: the line asks for a clip by its key.
    order: Place | None
    image: Place | None
    same_as: str | None
    # Of what goes in beside the first frame, in its order.
    media: tuple[Place, ...] = ()
    # Whether it wants another file of that clip, or other notes about it, than the earlier line.
    own_rendition: bool = False
    by_key: ClipByKey | None = None
    # Which file of the clip it gets.
    rendition: tuple[str, str] = DEFAULT_RENDITION


class PreparedBatch:
    """The entries of a batch, in their order, and what each of them will be bought with."""

    def __init__(
        self, name: str, entries: tuple[Entry, ...], spool: Spool, region: str | None, budget: Budget
    ) -> None:
        # Of its folder in the store.
        self.name = name
        self.entries = entries
        self.region = region
        self.budget = budget
        self._spool = spool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what would have been bought."""
        self._spool.close()

    @property
    def clips_by_model(self) -> Counter[str]:
        """How many clips each model has to make."""
        return Counter(entry.model for entry in self.clips)

    def for_key_of(self, context: Context) -> PreparedBatch:
        """The same batch for the key of `context`, whose region may have other prices; on the same spool.

        Raises:
            InvalidRequest: A model is not offered in that region.
        """
        if context.region == self.region:
            return self
        entries: list[Entry] = []
        problems: list[Problem] = []
        for entry in self.entries:
            try:
                entries.append(self._in_region(entry, context))
            except InvalidRequest as error:
                problems += [replace(p, field=f"lines[{entry.line}].{p.field}") for p in error.problems]
        if problems:
            raise InvalidRequest(problems=tuple(problems))
        return PreparedBatch(self.name, tuple(entries), self._spool, context.region, self.budget)

    def _in_region(self, entry: Entry, context: Context) -> Entry:
        asked = self.asked(entry)
        if isinstance(asked, ClipByKey):
            order = stored_order(ClipEvidence(context.store, asked.key))
            order = ordered_in(order, asked.region, context.region)
            return replace(entry, region=order.region, quote=order.quote)
        moved = asked.in_region(context.region)
        kept = self._spool.put(pickled(moved))
        return replace(entry, region=moved.order.region, quote=moved.order.quote, order=kept)

    @property
    def clips(self) -> list[Entry]:
        """The entries without those that are the same clip as an earlier one."""
        return [entry for entry in self.entries if entry.same_as is None]

    @property
    def quote(self) -> BoardQuote:
        """What all of it costs by the price list."""
        return quote_of({entry.id: entry.quote for entry in self.clips})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all keys, prices and what lines say besides, in their order: another one is another batch."""
        digest = hashlib.sha256()
        for entry in self.entries:
            price = Amount(entry.quote.amount, entry.quote.currency)
            said = [entry.id, entry.key, *map(str, price)]
            if entry.region != self.region:
                said.append(entry.region)
            # Whoever starts a run for lines of its own gives each its price as a limit.
            if entry.by_key and entry.by_key.max_cost not in (None, price):
                said += map(str, entry.by_key.max_cost)
            if entry.rendition != DEFAULT_RENDITION:
                said += entry.rendition
            digest.update(f"{' '.join(said)}\n".encode())
        return digest.hexdigest()

    def asked(self, entry: Entry) -> Prepared | ClipByKey:
        """What was checked and priced, with its picture; of a clip that was ordered before what the line says."""
        if entry.order is None:
            return entry.by_key or ClipByKey(entry.key)
        # Written by this very process, into a file that nobody else can open.
        prepared: Prepared = pickle.loads(self._spool.get(entry.order))  # noqa: S301
        if prepared.image is not None and entry.image is not None:
            prepared = replace(prepared, image=with_bytes(prepared.image, self._spool.get(entry.image)))
        if entry.media:
            prepared = replace(prepared, media=whole_media(prepared.media, entry.media, self._spool))
        return prepared

    def bought(self, context: Context, *, buy_again: bool = False) -> dict[str, BoughtClip]:
        """The clips that are paid, or may be, by id.

        Raises:
            StorageProblem: The evidence cannot be read.
        """
        found: dict[str, BoughtClip] = {}

        def look(entry: Entry) -> BoughtClip | None:
            return bought_clip(context, entry.key, buy_again=buy_again)

        with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
            for window in windows(self.clips, WINDOW):
                looks = pool.map(look, window)
                found |= {entry.id: clip for entry, clip in zip(window, looks, strict=True) if clip}
        return found

    def due(self, paid: Collection[str]) -> BoardQuote:
        """What is still to be paid, without the lines of these ids."""
        return quote_of({entry.id: entry.quote for entry in self.clips}, paid)
