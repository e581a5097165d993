"""The account's tasks of the last 24 h, compared with what this store knows: a lost marker hides no clip.

The provider's list is free and one day long. A task of it whose clip is neither open nor known as finished costs two
requests: its claim is read, and the clip's files are listed. What was seen to be finished is kept in `harvest.json`,
which may be lost; so each clip is looked at once after it was finished, and again only then. A task that is billed and
whose record calls it lost, failed or cancelled is asked for: one that lives is finished after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from footage.catalogue import REGION_NAMES, known_models
from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each, in_thread, windows
from footage.errors import FootageError, NotThere, StorageProblem
from footage.evidence.claims import claim_path
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim
from footage.evidence.stored_clips import UNREADABLE, attempts_in, names_of, tasks_in
from footage.steps.contradiction import state_of_listed
from footage.steps.harvest_memory import keep_finished
from footage.steps.open_clips import OpenClips, Unfinished, left_to_finish

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.evidence.hashed_names import HashedNames
    from footage.provider import TaskRow, WanClient
    from footage.storage import Store

# So many are looked at between two moments at which a harvest can be cancelled.
_WINDOW = 256


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
    return context.client_in(context.region or REGION_NAMES[0], api_key)


def account_tasks(context: Context, api_key: ApiKey, over: HashedNames) -> list[TaskRow]:
    """The video tasks of the last 24 h of a key's account, but for those that are `over` and those that are not billed.

    Of what failed or was cancelled there is nothing to collect. Keys work in one region, so only that one is asked.

    Raises:
        AccountProblem, Unreachable, Throttled: The list could not be read.
    """

    def left(rows: list[TaskRow]) -> list[TaskRow]:
        return [
            row
            for row in rows
            if row.model in known_models() and not row.status.unbilled and row.task_id not in over
        ]

    # Once more for the end of the list, and for a short one.
    return left(context.account_lists.tasks(client_in_use(context, api_key), sift=left))


async def compare(context: Context, rows: Collection[TaskRow], found: OpenClips) -> Compared:
    """Find the clips of listed tasks that the markers missed, which get them back, and tasks that are not ours."""
    store, compared = context.store, Compared()
    ended: list[str] = []
    known = {clip.task_id for clip in found.unfinished}
    unknown = [row for row in rows if row.task_id not in known]
    judge = partial(_judge, context, found.marked)
    for window in windows(unknown, _WINDOW):
        verdicts = await in_thread(call_each, judge, window, STORE_CALLS_AT_ONCE)
        for row, verdict in zip(window, verdicts, strict=True):
            if verdict.over:
                ended.append(row.task_id)
            if verdict.unclaimed:
                compared.unclaimed.append(row)
            if verdict.warning is not None:
                compared.warnings.append(verdict.warning)
            if verdict.unfinished is not None:
                found.marked.add(verdict.unfinished.key)
                compared.unfinished.append(verdict.unfinished)
    try:
        await in_thread(keep_finished, store, ended)
    except StorageProblem as error:
        compared.warnings.append(error.message)
    return compared


@dataclass(frozen=True)
class _Verdict:
    """What there is to say about one listed task."""

    over: bool = False
    unclaimed: bool = False
    unfinished: Unfinished | None = None
    warning: str | None = None


def _judge(context: Context, marked: Collection[str], row: TaskRow) -> _Verdict:
    """Look whether a task is ours and its clip has something left to finish, which then is marked as open."""
    store = context.store
    try:
        try:
            claim = RecordReader(store).record(claim_path(row.task_id), Claim, task_id=row.task_id)
        except NotThere:
            return _Verdict(unclaimed=True)
        if claim.key in marked:
            return _Verdict()
        names = names_of(store, claim.key)
        if not names & {"result.json", UNREADABLE} and claim.attempt not in attempts_in(names):
            return _Verdict(
                warning=f"Task {row.task_id} is {row.status} and belongs to clip {claim.key}, attempt "
                f"{claim.attempt}, whose evidence is gone. Restore evidence/{claim.key} from a backup before the "
                "same is ordered again."
            )
        clip = left_to_finish(store, claim.key, names)
        if clip is None and "result.json" not in names:
            state = state_of_listed(context, claim)
            if state == "unsettled":
                return _Verdict()
            if state == "open":
                clip = left_to_finish(store, claim.key, names_of(store, claim.key))
                return _Verdict(unfinished=clip)
        if clip is None:
            return _Verdict(over=True)
        # False: it was bought after the markers were listed, and is left to who bought it.
        return _Verdict(unfinished=clip if ClipEvidence(store, claim.key).mark_open() else None)
    except FootageError as error:
        return _Verdict(warning=error.message)


def tasks_found_for(store: Store, keys: Iterable[str]) -> set[str]:
    """The tasks that the evidence of these clips tells of, by one request for each."""
    return set().union(*map(tasks_in, call_each(partial(names_of, store), keys, STORE_CALLS_AT_ONCE)))
