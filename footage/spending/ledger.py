"""The ledger of one store: a line for each create, written before it is sent.

    spending/2026-11/0000/0000001.json            line 1 of that month
    spending/corrections/2026-11-28/<name>.json   what a line of that day cost in truth

Lines are numbered, created exclusively and never changed: whoever adds line n has seen line n - 1, and each line
carries the sums up to itself. So a cap is exact however many workers buy at once, and a new process finds the sums
with two listings and one read, however long the month is. A line counts in full until a correction says otherwise: a
create that was not sent or refused, a task that failed, seconds that were billed differently. All that a cap needs of
a correction is in its name; with a cap, those of the month are listed before each create, by a request for a thousand.

A promise belongs to the worker that made it. Whoever finds one that no attempt was opened with (the clip's open marker
names it) gives it back and makes its own.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from footage.errors import AlreadyThere, NotThere
from footage.errors.actions import NextStep
from footage.evidence.reader import RecordReader
from footage.evidence.records import Promise, SpendingLine
from footage.spending.ledger_lines import (
    CORRECTION,
    CORRECTIONS,
    FOLDER,
    Correction,
    CorrectionName,
    LedgerLine,
    Purchase,
    Spent,
    Why,
    add,
    copied,
    next_line,
)

if TYPE_CHECKING:
    from footage.storage import Store

# One listing of an object store tells of a thousand names.
LINES_A_FOLDER = 1000
# Of a correction's amount, as its name has room for it: finer than any price times any seconds that are printed.
_FINEST = Decimal("1e-10")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}")

_MEND = "restore the file from a backup, or delete it if there is none; nothing is bought in this store until then"

# Raises OverBudget when what would then be spent is more than is allowed.
Check = Callable[[Purchase, Spent], None]
Announce = Callable[[Promise], None]


class SpendingLedger:
    """Reads and adds to the ledger of one store; thread-safe."""

    def __init__(self, store: Store, zone: tzinfo = UTC) -> None:
        self._store = store
        self._zone = zone
        self._reader = RecordReader(store, NextStep.of(_MEND))
        self._lock = threading.Lock()
        # The newest line that was seen of each month.
        self._last: dict[str, LedgerLine] = {}

    def day_of(self, now: datetime) -> date:
        """The day in the operator's zone."""
        return now.astimezone(self._zone).date()

    def reserve(
        self,
        purchase: Purchase,
        now: datetime,
        check: Check | None = None,
        announce: Announce | None = None,
    ) -> SpendingLine:
        """Promise the price of one create; of many workers at once each sees what the others promised before.

        `check` is asked with the sums that this purchase would make. `announce` is called before each line that is
        tried, so that a worker that dies behind it leaves word of its promise; what it raises ends this.

        Raises:
            OverBudget: `check` says no; nothing was promised.
            BadRecord: A line does not fit, so that no cap could be kept.
            StorageProblem: The ledger cannot be read or written.
        """
        day = self.day_of(now)
        month = f"{day:%Y-%m}"
        with self._lock:
            last = self._last.get(month) or self._newest(month)
            while True:
                line = self._next_line(last, purchase, day, now)
                if check is not None:
                    # A correction of its number is of a line that somebody else wrote meanwhile.
                    check(purchase, self._with_corrections(line, day, known=line.number - 1))
                place = SpendingLine(month=month, number=line.number, seconds=line.seconds)
                if announce is not None:
                    announce(Promise(attempt=purchase.attempt, line=place, token=line.token))
                try:
                    self._store.create(_path(month, line.number), line.to_bytes())
                except AlreadyThere:
                    # Somebody else was quicker, perhaps by many lines.
                    last = self._newest(month)
                    if last is None or last.number < line.number:
                        # Not listed, so perhaps no line at all.
                        last = self._line(month, line.number)
                    continue
                self._last[month] = line
                return place

    def holds(self, promise: Promise) -> bool:
        """Whether a promise that was announced is in the ledger.

        Raises:
            BadRecord: The line at its place does not fit.
            StorageProblem: It cannot be read.
        """
        try:
            return self._line(promise.line.month, promise.line.number).token == promise.token
        except NotThere:
            return False

    def has(self, spending: SpendingLine, key: str, attempt: int) -> bool:
        """Whether a line is there and is of this attempt: a ledger that was lost begins anew, with the same numbers.

        Raises:
            BadRecord: The line at its place does not fit.
            StorageProblem: It cannot be read.
        """
        try:
            line = self._line(spending.month, spending.number)
        except NotThere:
            return False
        return (line.key, line.attempt) == (key, attempt)

    def correct(self, spending: SpendingLine, seconds: Decimal, why: Why, now: datetime) -> None:
        """Say for how many seconds of its price a line is really owed; where nothing changes, nothing is written.

        Raises:
            BadRecord: The line does not fit.
            StorageProblem: It cannot be read or written.
        """
        line = self._line(spending.month, spending.number)
        amount = line.price_per_second * seconds
        of_line = self._store.list_beginning(f"{CORRECTIONS}/{line.day}", f"{line.number:07}_")
        given = [*self._corrections(of_line)]
        newest = max(given, key=lambda found: (found.count, found.delta), default=None)
        # Rounded to what is dearer.
        delta = (amount - line.amount).quantize(_FINEST, ROUND_CEILING)
        if delta == (newest.delta if newest else 0):
            return
        count = newest.count + 1 if newest else 1
        found = CorrectionName(str(line.day), line.number, count, line.model, line.currency, delta, why)
        try:
            record = Correction(
                line=line.number, key=line.key, attempt=line.attempt, amount=amount, why=why, decided_at=now
            )
        except ValidationError:
            record = None
        if record is None or CORRECTION.fullmatch(found.name) is None:
            # What nobody could read again would stop all buying.
            path = _path(spending.month, spending.number)
            self._reader.refuse(path, f"{seconds:.10g} s of it cannot be written as its correction")
        self._store.replace(found.path, record.to_bytes())

    def spent(self, now: datetime) -> Spent:
        """What is spent or promised today and this month.

        Raises:
            BadRecord: A line or correction does not fit.
            StorageProblem: The ledger cannot be read.
        """
        day = self.day_of(now)
        last = self._newest(f"{day:%Y-%m}")
        return Spent(day, {}, {}) if last is None else self._with_corrections(last, day, known=last.number)

    def lines(self, first: date, last: date) -> Iterator[tuple[LedgerLine, CorrectionName | None]]:
        """Every line of these days in its order, with the last word about what it costs in truth, where there is one.

        Raises:
            BadRecord: A line or correction does not fit.
            StorageProblem: The ledger cannot be read.
        """
        for month in self._store.folders(FOLDER):
            if not _MONTH.fullmatch(month) or not f"{first:%Y-%m}" <= month <= f"{last:%Y-%m}":
                continue
            corrections = self._newest_corrections(month)
            for path in self._store.list(f"{FOLDER}/{month}"):
                line = self._line(month, self._number(month, path))
                if first <= line.day <= last:
                    yield line, corrections.get(line.number)

    def newest_lines(self, since: date) -> Iterator[LedgerLine]:
        """The lines of the days from `since` on, the newest first, each read when it is asked for.

        Raises:
            BadRecord: A line does not fit.
            StorageProblem: The ledger cannot be read.
        """
        for month in reversed(self._store.folders(FOLDER)):
            if not _MONTH.fullmatch(month) or month < f"{since:%Y-%m}":
                continue
            for folder in reversed(self._store.folders(f"{FOLDER}/{month}")):
                for path in reversed(self._store.list(f"{FOLDER}/{month}/{folder}")):
                    line = self._line(month, self._number(month, path))
                    if line.day < since:
                        return
                    yield line

    # -- helpers ---------------------------------------------------------------------------------------------

    def _newest(self, month: str) -> LedgerLine | None:
        # The newest folder is empty where its first line is about to be written, or its writer died before.
        for folder in reversed(self._store.folders(f"{FOLDER}/{month}")):
            if names := self._store.list(f"{FOLDER}/{month}/{folder}"):
                self._last[month] = self._line(month, self._number(month, names[-1]))
                return self._last[month]
        return None

    def _number(self, month: str, path: str) -> int:
        """Which line a file is."""
        number = path.rpartition("/")[2].removesuffix(".json")
        if not number.isdecimal() or path != _path(month, int(number)):
            self._reader.refuse(path, "it is no line of the ledger")
        return int(number)

    def _line(self, month: str, number: int) -> LedgerLine:
        path = _path(month, number)
        line = self._reader.record(path, LedgerLine, number=number)
        if f"{line.day:%Y-%m}" != month:
            self._reader.refuse(path, f"its day {line.day} is of another month")
        for sums in (line.month_sums, line.day_sums.get(str(line.day), {})):
            if sums.get(line.model, {}).get(line.currency, Decimal(0)) < line.amount:
                self._reader.refuse(path, "its sums are less than its own amount")
        return line

    def _next_line(self, last: LedgerLine | None, purchase: Purchase, day: date, now: datetime) -> LedgerLine:
        try:
            return next_line(last, purchase, day, now)
        except ValidationError:
            if last is None:
                raise
            # Its number or its sums are as high as they may be.
            self._reader.refuse(_path(f"{last.day:%Y-%m}", last.number), "no line can follow it")

    def _with_corrections(self, line: LedgerLine, day: date, *, known: int) -> Spent:
        """The sums of a line as they are by the corrections of the lines up to `known`."""
        month = f"{line.day:%Y-%m}"
        of_day, of_month = copied(line.day_sums.get(str(day), {})), copied(line.month_sums)
        corrected: Counter[Why] = Counter()
        for found in self._newest_corrections(month).values():
            if found.line > known:
                # Of a line that was added since this one was read.
                continue
            for sums in (of_month, of_day) if found.day == str(day) else (of_month,):
                add(sums, found.model, found.currency, found.delta)
                if sums[found.model][found.currency] < 0:
                    self._reader.refuse(found.path, "more is taken back than was promised")
            corrected[found.why] += found.day == str(day)
        return Spent(day, of_day, of_month, line.day_creates.get(str(day), 0), corrected)

    def _newest_corrections(self, month: str) -> dict[int, CorrectionName]:
        """The last word about each line of a month that has one."""
        newest: dict[int, CorrectionName] = {}
        for found in self._corrections(self._store.list_beginning(CORRECTIONS, month)):
            known = newest.get(found.line)
            # Two of the same count were decided at once by two workers: the dearer one is believed.
            if known is None or (found.count, found.delta) > (known.count, known.delta):
                newest[found.line] = found
        return newest

    def _corrections(self, paths: Iterable[str]) -> Iterator[CorrectionName]:
        for path in paths:
            day, _, name = path.removeprefix(f"{CORRECTIONS}/").partition("/")
            if not name or not _DAY.fullmatch(day):
                continue
            match = CORRECTION.fullmatch(name)
            if match is None:
                self._reader.refuse(path, "its name is not that of a correction")
            yield CorrectionName(
                day,
                int(match["line"]),
                int(match["count"]),
                match["model"],
                match["currency"],
                Decimal(match["delta"]),
                cast("Why", match["why"]),
            )


def _path(month: str, number: int) -> str:
    return f"{FOLDER}/{month}/{number // LINES_A_FOLDER:04}/{number:07}.json"
