"""The check of a batch: each line goes through the rules of a single request, and one answer names all problems."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

from footage.batch.batch_report import batch_name
from footage.batch.lines import MAX_LINES, Line, listed, open_lines
from footage.batch.prepared_batch import WINDOW, Entry, PreparedBatch
from footage.batch.spool import Place, Spool
from footage.batch.spooled_media import bare_media, pickled, whole_media, with_bytes
from footage.catalogue import REGION_NAMES
from footage.concurrency.executors import STORE_CALLS_AT_ONCE, windows
from footage.errors import (
    MOST_LISTED,
    BadRecord,
    InvalidRequest,
    NotThere,
    Problem,
    StorageProblem,
    Unreachable,
)
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.evidence.stored_order import stored_order
from footage.order import Quote, ordered_in
from footage.order.clip_by_key import ClipByKey
from footage.order.key import rendition_of
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.order.rules import TAKE_MAX
from footage.privacy.display import shown
from footage.reference import Medium, ReferenceImage, read_media, read_reference
from footage.reference.media import media_asked
from footage.steps.check import reference_fetcher
from footage.storyboard.budget import check_currency
from footage.storyboard.graph import MAX_ID_CHARS
from footage.values.money import Amount

if TYPE_CHECKING:
    from footage.context import Context
    from footage.request import VideoRequest
    from footage.storyboard.board import Budget

# A run that makes the shots of a board gets the takes of them, each with its number behind the longest id.
_ID_CHARS = MAX_ID_CHARS + len(f":{TAKE_MAX}")
# What a line may have besides the fields of a request.
_ID = "id"
_KEY = "key"
# What it may say beside a key.
_REGION = "region"
_MAX_COST = "max_cost"

# Where a clip is bought, and for how much at the most.
_Terms = tuple[str, Amount | None]


def prepare_batch(
    context: Context, requests: Iterable[object] | None, file: str | None, budget: Budget
) -> PreparedBatch:
    """Check and price every line of a batch, which whoever asks for it closes.

    Raises:
        InvalidRequest: Names every line and field that is wrong; nothing was bought.
        Unreachable: The server of a line's picture does not answer now; names the lines.
        StorageProblem: The store, or the one that the file lies in, does not answer.
    """
    if (requests is None) == (file is None):
        why = "a batch is either a list of requests or a file with one JSON object a line"
        raise InvalidRequest(
            problems=(Problem("requests", "(nothing)" if file is None else "and a file", why),)
        )
    check_currency(budget.currency)
    spool = Spool()
    try:
        if file is None:
            entries = _Checker(context, spool).check(listed(requests or ()), "requests")
        else:
            with open_lines(context, file) as lines:
                entries = _Checker(context, spool).check(lines, "file")
    except BaseException:
        spool.close()
        raise
    stem = "requests" if file in (None, "-") else PurePosixPath(str(file)).stem
    return PreparedBatch(
        batch_name(stem, (entry.key for entry in entries)), entries, spool, context.region, budget
    )


@dataclass(frozen=True)
class _Checked:
    line: Line
    id: str
    order: Place | None
    image: Place | None
    media: tuple[Place, ...]
    key: str
    model: str
    region: str
    quote: Quote
    rendition: tuple[str, str]
    by_key: ClipByKey | None = None

    @property
    def terms(self) -> _Terms:
        return self.region, self.by_key and self.by_key.max_cost


@dataclass(frozen=True)
class _Unanswered:
    """A line that cannot be checked now, because a server or the store does not answer."""

    field: str
    error: Unreachable | StorageProblem


class _Checker:
    """Puts every line through the rules of a single request and collects what they say."""

    def __init__(self, context: Context, spool: Spool) -> None:
        self._context = context
        self._spool = spool
        self._region = context.region
        self._fetch = reference_fetcher(context)
        # One picture on a thousand lines is read and prepared once, and lies on disk once.
        self._images: dict[bytes, tuple[ReferenceImage | None, Place | None]] = {}
        self._media: dict[bytes, tuple[tuple[Medium, ...], tuple[Place, ...]]] = {}
        # Nor is a server that does not answer asked for it a thousand times.
        self._unanswered: dict[bytes, Unreachable | StorageProblem] = {}
        self._locks: dict[bytes, Lock] = {}
        self._lock = Lock()
        # A few prices for thousands of lines.
        self._quotes: dict[Quote, Quote] = {}

    def check(self, lines: Iterator[Line], source: str) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        problems: list[Problem] = []
        unanswered: list[_Unanswered] = []
        first_of_clip: dict[str, str] = {}
        first_of_rendition: dict[tuple[str, tuple[str, str]], str] = {}
        terms_of_clip: dict[str, tuple[int, _Terms]] = {}
        ids: dict[str, int] = {}
        with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
            for window in windows(lines, WINDOW):
                for line, checked in zip(window, pool.map(self._checked, window), strict=True):
                    if isinstance(checked, _Checked):
                        if (other := ids.setdefault(checked.id, line.number)) != line.number:
                            why = f"line {other} has it already; every line needs its own"
                            problems.append(Problem(f"{line.name}.{_ID}", shown(checked.id), why))
                        first, terms = terms_of_clip.setdefault(checked.key, (line.number, checked.terms))
                        if terms != checked.terms:
                            why = (
                                f"line {first} asks for the same clip, to be bought elsewhere or for another price at "
                                "the most; it is bought once, so leave one of them out"
                            )
                            problems.append(Problem(f"{line.name}.{_KEY}", checked.key[:12], why))
                        entries.append(self._entry(checked, first_of_clip, first_of_rendition))
                    elif isinstance(checked, _Unanswered):
                        unanswered.append(checked)
                    else:
                        problems += checked
                if len(entries) > MAX_LINES:
                    why = "are too many for one run; split it"
                    problems.append(
                        Problem(source, f"more than {MAX_LINES:,} requests", why, f"1 to {MAX_LINES:,}")
                    )
                if len(entries) > MAX_LINES or len(problems) >= MOST_LISTED or unanswered:
                    break
        if not entries and not problems and not unanswered:
            problems.append(
                Problem(source, "(nothing)", "there is no request in it", "one JSON object a line")
            )
        if problems:
            raise InvalidRequest(problems=tuple(problems))
        if unanswered:
            raise _with_lines(unanswered)
        return tuple(entries)

    def _entry(
        self,
        checked: _Checked,
        first_of_clip: dict[str, str],
        first_of_rendition: dict[tuple[str, tuple[str, str]], str],
    ) -> Entry:
        """The entry of a line; the others are the first lines of each clip, and of each rendition of it."""
        original = first_of_clip.setdefault(checked.key, checked.id)
        rendered = first_of_rendition.setdefault((checked.key, checked.rendition), checked.id)
        same_as = rendered if rendered != checked.id else original if original != checked.id else None
        quote = self._quotes.setdefault(checked.quote, checked.quote)
        return Entry(
            checked.line.number, checked.id, checked.key, checked.model, checked.region, quote,
            checked.order, checked.image, same_as, checked.media, same_as is not None and rendered == checked.id,
            checked.by_key, checked.rendition,
        )  # fmt: skip

    def _checked(self, line: Line) -> _Checked | _Unanswered | list[Problem]:
        if line.problem is not None:
            return [line.problem]
        fields = dict(line.fields)
        shot_id = fields.pop(_ID, str(line.number))
        found: list[Problem] = []
        if not isinstance(shot_id, str) or not 0 < len(shot_id) <= _ID_CHARS or not shot_id.isprintable():
            allowed = f"printable text of 1 to {_ID_CHARS} characters"
            found.append(Problem(f"{line.name}.{_ID}", shown(shot_id), "is no id", allowed))
            shot_id = str(line.number)
        try:
            checked = (
                self._ordered(line, shot_id, fields) if _KEY in fields else self._new(line, shot_id, fields)
            )
        except InvalidRequest as error:
            return found + [replace(p, field=f"{line.name}.{p.field}") for p in error.problems]
        except (Unreachable, StorageProblem) as error:
            field = error.details.get("field", _KEY)
            return found or _Unanswered(f"{line.name}.{field}", error)
        return found or checked

    def _new(self, line: Line, shot_id: str, fields: Mapping[str, Any]) -> _Checked:
        request = parse_request(fields, default_region=self._region)
        image, place = self._image(request)
        media, places = self._media_of(request)
        prepared = Prepared.of(request, image, self._region, media)
        order = prepared.order
        kept = self._spool.put(pickled(prepared))
        return _Checked(
            line, shot_id, kept, place, places, order.key, order.model, order.region, order.quote, rendition_of(request)
        )  # fmt: skip

    def _ordered(self, line: Line, shot_id: str, fields: Mapping[str, Any]) -> _Checked:
        """A line that names a clip of this store by its key."""
        given = fields[_KEY]
        if others := [name for name in fields if name not in (_KEY, _REGION, _MAX_COST)]:
            why = "a key stands for a whole request; give one or the other"
            raise InvalidRequest(problems=(Problem(others[0], shown(fields[others[0]]), why),))
        if not isinstance(given, str) or not is_key(given):
            allowed = "64 hexadecimal digits"
            raise InvalidRequest(
                problems=(Problem(_KEY, shown(given), "is no whole key of a clip", allowed),)
            )
        asked = ClipByKey(given, _region_of(fields.get(_REGION)), _most_of(fields.get(_MAX_COST)))
        try:
            order = stored_order(ClipEvidence(self._context.store, given))
        except NotThere:
            why = "no clip in this store has this key"
            raise InvalidRequest(problems=(Problem(_KEY, shown(given), why),)) from None
        except BadRecord as error:
            why = f"its order cannot be used: {error.message} Mend that, or leave the line out."
            raise InvalidRequest(problems=(Problem(_KEY, shown(given), why),)) from None
        order = ordered_in(order, asked.region, self._region)
        return _Checked(
            line, shot_id, None, None, (), given, order.model, order.region, order.quote, rendition_of(order.request),
            asked,
        )  # fmt: skip

    def _image(self, request: VideoRequest) -> tuple[ReferenceImage | None, Place | None]:
        """The picture as it is sent, and where its bytes lie."""
        asked = (request.reference_image, request.model, request.size, request.fit, request.pad_color)
        mark = _mark(asked)
        with self._asked_once(mark):
            if mark not in self._images:
                image, place = read_reference(request, self._fetch, self._context.input_roots), None
                if image is not None and image.prepared is not None:
                    place = self._spool.put(image.prepared.data)
                self._images[mark] = image and with_bytes(image, b""), place
        image, place = self._images[mark]
        return with_bytes(image, self._spool.get(place)) if image and place else image, place

    def _media_of(self, request: VideoRequest) -> tuple[tuple[Medium, ...], tuple[Place, ...]]:
        """What goes in beside the first frame, and where its bytes lie."""
        given = tuple(media_asked(request))
        if not given:
            return (), ()
        mark = _mark((given, request.model, request.size, request.fit, request.pad_color))
        with self._asked_once(mark):
            if mark not in self._media:
                media = read_media(request, self._fetch, self._context.input_roots)
                # Where one could not be read there is no order either.
                places = tuple(self._spool.put(one.prepared.data) for one in media if one.prepared)
                self._media[mark] = bare_media(media), places
        media, places = self._media[mark]
        whole = len(places) == len(media)
        return (whole_media(media, places, self._spool) if whole else media), places

    @contextlib.contextmanager
    def _asked_once(self, mark: bytes) -> Generator[None]:
        """Around the reading of what many lines may have; raises what the first of them was answered."""
        with self._lock:
            lock = self._locks.setdefault(mark, Lock())
        with lock:
            if mark in self._unanswered:
                raise self._unanswered[mark]
            try:
                yield
            except (Unreachable, StorageProblem) as error:
                self._unanswered[mark] = error
                raise


def _region_of(given: object) -> str | None:
    if given is None or isinstance(given, str):
        return given
    raise InvalidRequest(problems=(Problem(_REGION, shown(given), "is no region", ", ".join(REGION_NAMES)),))


def _most_of(given: object) -> Amount | None:
    if given is None:
        return None
    try:
        return Amount.parse(given if isinstance(given, str) else "")
    except ValueError as error:
        allowed = "an amount and its currency, CNY or USD, such as 0.70 CNY"
        raise InvalidRequest(problems=(Problem(_MAX_COST, shown(given), str(error), allowed),)) from None


def _with_lines(unanswered: list[_Unanswered]) -> Unreachable | StorageProblem:
    """The first of these errors, with the lines of all of them."""
    first = unanswered[0].error
    told = [f"{one.field}: {one.error.message}" for one in unanswered]
    if len(told) > 1:
        head = f"{len(unanswered)} lines cannot be checked now; nothing more was bought:"
        told = [head, *(f"  - {one}" for one in told)]
    return type(first)("\n".join(told), next_step=first.next_step, **first.details)


def _mark(asked: object) -> bytes:
    return hashlib.sha256(repr(asked).encode(errors="backslashreplace")).digest()
