"""The account's tasks of the last 24 h, compared with what this store knows: a lost marker hides no clip.

The provider's list is free and one day long. A task of it whose clip is neither open nor known as finished costs the
reading of its claim, and of its clip. What was seen to be finished is kept in `harvest.json`, which may be lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.catalogue import REGION_NAMES, known_models
from footage.errors import NotThere, StorageProblem
from footage.evidence.claims import claim_path
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim
from footage.evidence.stored_clips import UNREADABLE, attempts_in, names_of
from footage.steps.harvest_memory import keep_finished, remembered
from footage.steps.open_clips import OpenClips, Unfinished, left_to_finish

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.provider import TaskRow, WanClient
    from footage.storage import Store


@dataclass
class Compared:
    """What the list told that the markers did not."""

    # Tasks that this store does not claim.
    unclaimed: list[TaskRow] = field(default_factory=lambda: [])
    unfinished: list[Unfinished] = field(default_factory=list[Unfinished])
    warnings: list[str] = field(default_factory=list[str])


def client_in_use(context: Context, api_key: ApiKey | None = None) -> WanClient:
    """The client of the key's own region where it is known; else of the first, which needs no workspace.

    Raises:
        AccountProblem: There is no usable key.
    """
    endpoint = context.endpoint(context.region or REGION_NAMES[0], api_key)
    return context.client(endpoint, context.workspace_of(api_key), api_key)


def account_tasks(context: Context) -> list[TaskRow]:
    """The video tasks of the last 24 h of all accounts of this run, without those that failed or were cancelled.

    Those are not billed, and there is nothing to collect. Keys work in one region, so only that one is asked.

    Raises:
        AccountProblem, Unreachable, Throttled: The list could not be read.
    """
    rows = {
        row.task_id: row
        for api_key in context.buying_keys
        for row in context.account_lists.tasks(client_in_use(context, api_key))
        if row.model in known_models() and not row.status.unbilled
    }
    return list(rows.values())


def compare(store: Store, rows: Iterable[TaskRow], found: OpenClips) -> Compared:
    """Find the clips of listed tasks that the markers missed, which get them back, and tasks that are not ours.

    Raises:
        StorageProblem: What was seen could not be kept.
    """
    compared, memory = Compared(), remembered(store)
    over_before = set(memory.finished)
    known = {clip.task_id for clip in found.unfinished}
    finished: set[str] = set()
    for row in rows:
        short = hashlib.sha256(row.task_id.encode()).hexdigest()[:12]
        if short in over_before or (row.task_id not in known and _is_over(store, row, found, compared)):
            finished.add(short)
    keep_finished(store, memory, finished)
    return compared


def _is_over(store: Store, row: TaskRow, found: OpenClips, compared: Compared) -> bool:
    """Whether the clip of a task has nothing left to finish; what else there is to say goes into `compared`."""
    try:
        claim = RecordReader(store).record(claim_path(row.task_id), Claim, task_id=row.task_id)
    except NotThere:
        compared.unclaimed.append(row)
        return False
    except StorageProblem as error:
        compared.warnings.append(error.message)
        return False
    if claim.key in found.marked:
        return False
    names = names_of(store, claim.key)
    if not names & {"result.json", UNREADABLE} and claim.attempt not in attempts_in(names):
        compared.warnings.append(
            f"Task {row.task_id} is {row.status} and belongs to clip {claim.key}, attempt {claim.attempt}, whose "
            f"evidence is gone. Restore evidence/{claim.key} from a backup before the same is ordered again."
        )
        return False
    clip = left_to_finish(store, claim.key, names)
    if clip is None:
        return True
    # False: it was bought after the markers were listed.
    if ClipEvidence(store, claim.key).mark_open():
        found.marked.add(claim.key)
        compared.unfinished.append(clip)
    return False


def still_unclaimed(store: Store, task_ids: Iterable[str]) -> list[str]:
    """Those of the tasks that nothing in this store claims now."""
    return [task_id for task_id in task_ids if not store.exists(claim_path(task_id))]
