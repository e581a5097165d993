"""What a batch leaves behind: `batches/<name>/report.json` in the store, the same place at every run of that batch."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from footage.batch.batch_production import ClipReport
from footage.errors import NotThere, StorageProblem
from footage.privacy.redact import redact
from footage.storyboard.cut import file_name

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.budget import Statement

_KEY_CHARS = 12


class Spent(BaseModel):
    """Money of a batch, exact: by this run, by earlier ones, and promised for what is not finished."""

    model_config = ConfigDict(frozen=True)

    currency: str
    bought: str
    paid_before: str
    together: str
    promised: str


class BatchReport(BaseModel):
    """How a run of a batch ended: each line with its key, state, address, price, and what went wrong."""

    model_config = ConfigDict(frozen=True, title="Batch report")

    schema_: Literal["wan-video/batch-report/1"] = Field(default="wan-video/batch-report/1", alias="schema")
    name: str
    run: str | None
    written_at: AwareDatetime
    counts: dict[str, int]
    cost: Spent
    cost_in_words: str
    clips: tuple[ClipReport, ...]

    @classmethod
    def of(cls, name: str, run: str | None, clips: Sequence[ClipReport], statement: Statement) -> BatchReport:
        """The report of a run that has ended."""
        return cls(
            name=name,
            run=run,
            written_at=datetime.now(UTC),
            counts=Counter(clip.state for clip in clips),
            cost=Spent(**statement.to_json()),
            cost_in_words=statement.in_words(),
            clips=tuple(clips),
        )

    @property
    def complete(self) -> bool:
        """Whether every line has its clip."""
        return set(self.counts) == {"delivered"}

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON, without secrets."""
        return redact(self.model_dump(mode="json", by_alias=True))


def batch_name(stem: str, keys: Iterable[str]) -> str:
    """The folder of a batch: its file's name and a hash of its clips, so that another batch has another one."""
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    return f"{file_name(stem, otherwise='batch')}-{digest[:_KEY_CHARS]}"


def write_report(store: Store, report: BatchReport) -> str:
    """Write `report.json`; its address.

    Raises:
        StorageProblem: The store cannot be written.
    """
    path = _path(report.name)
    store.replace(path, (json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n").encode())
    return store.url_of(path)


def read_report(store: Store, name: str) -> BatchReport | None:
    """The report of the last run of a batch; None where there is none that can be read."""
    try:
        return BatchReport.model_validate_json(store.read(_path(name)))
    except (NotThere, StorageProblem, ValueError):
        return None


def _path(name: str) -> str:
    return f"batches/{name}/report.json"
