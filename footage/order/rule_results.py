"""What a rule says of its field: what becomes of it, what is wrong with it, or what the reader should know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from footage.errors import Problem
from footage.order.document import FieldReport


@dataclass(frozen=True)
class Note:
    """Something the reader of the answer should know; changes nothing."""

    text: str


RuleResult = FieldReport | Problem | Note
RuleResults = Iterator[RuleResult]
