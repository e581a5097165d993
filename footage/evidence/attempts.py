"""The attempts of one clip, from their records, which have to agree with each other and with the claims."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from footage.evidence.claims import Claims
from footage.evidence.reader import RecordReader
from footage.evidence.records import Intent, Outcome, Receipt, Record
from footage.evidence.state import Attempt

R = TypeVar("R", bound=Record)

_NUMBER = "([1-9][0-9]{0,4})"
# No higher number is read.
MOST_ATTEMPTS = 99_999
_ATTEMPT_FOLDER = re.compile(rf"attempt-{_NUMBER}/")
_ATTEMPT_FILE = re.compile(rf"attempt-{_NUMBER}/(intent|receipt|outcome)\.json")
_FOUND_FILE = re.compile(rf"attempt-{_NUMBER}/found-([A-Za-z0-9_-]{{1,64}})\.json")
_SETTLEMENT_FILE = re.compile(rf"attempt-{_NUMBER}/settlement(?:-{_NUMBER})?\.json")
_KINDS: dict[str, type[Record]] = {"intent": Intent, "receipt": Receipt, "outcome": Outcome}
# What both say of one purchase.
_SAME_PLACE = ("model", "region", "endpoint", "workspace")


class AttemptReader:
    """Reads the attempts of one clip."""

    def __init__(self, reader: RecordReader, key: str, claims: Claims) -> None:
        self.reader = reader
        self.key = key
        self.folder = f"evidence/{key}"
        self.claims = claims

    def read(self, names: list[str]) -> tuple[Attempt, ...]:
        """The attempts whose files are `names`, below the clip's folder.

        Raises:
            BadRecord: A record does not fit.
            StorageProblem: A record cannot be read.
        """
        parts: dict[int, dict[str, Any]] = {}
        found: dict[int, list[str]] = {}
        settled: dict[int, list[tuple[int, str]]] = {}
        for name in names:
            if match := _ATTEMPT_FILE.match(name):
                number = int(match[1])
                if name != match[0]:
                    self.reader.refuse(f"{self.folder}/{match[0]}", "it is a folder")
                parts.setdefault(number, {})[match[2]] = self._of_attempt(name, _KINDS[match[2]], number)
            elif name.startswith("attempt-") and not _ATTEMPT_FOLDER.match(name):
                # A link, a file, or a number that is none: what it is about may have been bought.
                self.reader.refuse(f"{self.folder}/{name.split('/')[0]}", "it is no folder of an attempt")
            elif match := _FOUND_FILE.fullmatch(name):
                found.setdefault(int(match[1]), []).append(match[2])
            elif match := _SETTLEMENT_FILE.fullmatch(name):
                settled.setdefault(int(match[1]), []).append((int(match[2] or 1), name))
        return tuple(
            self._attempt(
                number,
                parts.get(number, {}),
                found.get(number, []),
                [name for _, name in sorted(settled.get(number, []))],
            )
            for number in sorted({*parts, *found, *settled})
        )

    def _attempt(self, number: int, parts: dict[str, Any], found: list[str], settled: list[str]) -> Attempt:
        """One attempt from its records, which have to agree."""
        folder = f"{self.folder}/attempt-{number}"
        receipt: Receipt | None = parts.get("receipt")
        finds = tuple(
            self._of_attempt(f"attempt-{number}/found-{task_id}.json", Receipt, number, task_id=task_id)
            for task_id in (() if receipt else found)
        )
        bought = receipt or next(iter(finds), None)
        # What has a receipt can be resumed without its intent.
        intent: Intent | None = parts.get("intent") or (bought and _intent_of(bought))
        if intent is None:
            self.reader.refuse(
                f"{folder}/intent.json", "it is missing, and other records of its attempt are there"
            )
        for record, name in ((receipt, "receipt"), *((one, f"found-{one.task_id}") for one in finds)):
            for field in _SAME_PLACE:
                if record is not None and getattr(record, field) != getattr(intent, field):
                    self.reader.refuse(f"{folder}/{name}.json", f"its {field} is not that of intent.json")
        if settled and "outcome" not in parts:
            self.reader.refuse(f"{folder}/outcome.json", "it is missing, and a settlement of it is there")
        return Attempt(
            number=number,
            intent=intent,
            receipt=receipt,
            claimed=receipt is not None and self.claims.confirms(receipt, found),
            outcome=parts.get("outcome"),
            settlements=tuple(self._of_attempt(name, Outcome, number) for name in settled),
            found=finds,
        )

    def _of_attempt(self, name: str, kind: type[R], number: int, **expected: Any) -> R:
        return self.reader.record(f"{self.folder}/{name}", kind, key=self.key, attempt=number, **expected)


def _intent_of(receipt: Receipt) -> Intent:
    """The intent that a receipt must have had, as far as it can be told."""
    return Intent(
        key=receipt.key,
        attempt=receipt.attempt,
        owner="",
        lease=0,
        model=receipt.model,
        region=receipt.region,
        endpoint=receipt.endpoint,
        workspace=receipt.workspace,
        key_fingerprint=receipt.key_fingerprint,
        account=receipt.account,
        written_at=receipt.submitted_at,
    )
