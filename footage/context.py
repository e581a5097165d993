"""Where a run works: its settings, its store, whose key, and one client per endpoint."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.shared_answers import SharedAnswers
from footage.concurrency.shared_calls import AsyncSharedCalls
from footage.credentials import DEFAULT_ACCOUNT, ApiKey, find_key
from footage.errors import AccountProblem, BadRecord, StorageProblem
from footage.errors.actions import Action, NextStep, command
from footage.evidence.claimed_tasks import ClaimedTasks
from footage.evidence.lease import LiveWorkers, Worker
from footage.input_roots import InputRoots
from footage.network.emulator_check import emulator_at
from footage.network.endpoints import NOT_KNOWN, SET_ENDPOINT, known_endpoint
from footage.pacing.account_lists import AccountLists
from footage.pacing.durations import Durations
from footage.pacing.final_answers import FinalAnswers
from footage.pacing.in_flight import InFlight
from footage.pacing.rate_limits import ProcessRateLimits, RateLimits
from footage.pacing.task_list import TaskList
from footage.privacy.display import shown
from footage.push.event_delivery import EventDelivery
from footage.push.wake_ups import LOOK_EVERY_S, WakeUps
from footage.settings import Settings, load_settings
from footage.spending.caps import Caps
from footage.spending.ledger import SpendingLedger

if TYPE_CHECKING:
    from footage.evidence.records import Intent, Receipt
    from footage.provider import WanClient
    from footage.storage import Store
    from footage.transfer import Limits as DownloadLimits

logger = logging.getLogger(__name__)

# The longest that one create may hang.
CALL_LIMIT_S = 120.0
# Others conclude that a create was never sent no earlier than lease_s + reconcile_grace_s after its worker's
# last beat, and it is sent within lease_s / 2 of a beat. So it has lease_s / 2 + grace to arrive and to be
# listed; this share of that is for arriving (with 60 s and 120 s: the whole 120 s).
CALL_SHARE = 0.8
# A provider that did not tell its time is not asked for it again meanwhile: an outage reaches all that wait at once.
_TIME_NOT_TOLD_S = 30.0
# A clock of the provider that differs more from ours is not believed: no record takes such a time.
_MOST_OFFSET_S = 0.8e9


def key_of_environment() -> ApiKey:
    """The key from DASHSCOPE_API_KEY, else from ~/.alibabacloud/credentials.

    Raises:
        AccountProblem: Neither has a usable key; the message names the places.
    """
    return find_key(os.environ, Path.home())


class Context:
    """What every step of every clip of one run shares; thread-safe, not to be pickled."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        find_api_key: Callable[[], ApiKey] = key_of_environment,
        find_more_keys: Callable[[], Sequence[ApiKey]] = tuple,
        key_warnings: Sequence[str] = (),
        run_id: str | None = None,
        run_began_at: datetime | None = None,
        input_roots: InputRoots | None = None,
        flags: Sequence[str] = (),
        rate_limits: RateLimits | None = None,
    ) -> None:
        # What a command needs to find the clips of this run: commands that are written for people have them.
        self.flags = tuple(flags)
        self.input_roots = input_roots or InputRoots.anywhere()
        self.settings = settings
        self.store = store
        self.run_id = run_id
        # Whether it has worked in another process before, which a restart does not tell of its clips.
        self.started_over = run_began_at is not None
        self.run_began_at = run_began_at or datetime.now(UTC)
        self.worker = Worker(store, settings.lease_s)
        self.live_workers = LiveWorkers()
        # Provider's time and the steady moment at which it was seen: later times follow from the steady clock
        # alone, because ours may be set by hours in the middle of a run.
        self._provider_clock: tuple[float, float] | None = None
        # By address and key; one asks for all, as long as it is not known.
        self.clock_question: SharedAnswers[None] = SharedAnswers(_TIME_NOT_TOLD_S)
        self._find_api_key = find_api_key
        self._api_key: ApiKey | None = None
        self._find_more_keys = find_more_keys
        # Whose clips cannot be asked for here, and why; for reports.
        self.key_warnings = tuple(key_warnings)
        self._more_keys: tuple[ApiKey, ...] | None = None
        self._clients: dict[tuple[str, str | None, str], WanClient] = {}
        # Endpoints that gave a good answer: what they do from then on is no mistake in a setting.
        self.answered: set[str] = set()
        self._lock = threading.Lock()
        self._proving = threading.Lock()
        self._closed = False
        self._exclusive = False
        # One list answers for all clips that wait in this process.
        self.task_list = TaskList(settings.poll_min_s, settings.poll_max_s)
        self.rate_limits = rate_limits or ProcessRateLimits(settings.queries_per_second)
        self.in_flight = InFlight()
        self.durations = Durations()
        self.spending = SpendingLedger(store, ZoneInfo(settings.day_zone))
        self.caps = Caps(settings)
        self.wake_ups = WakeUps(store)
        self.event_delivery = EventDelivery()
        self.account_lists = AccountLists()
        self.final_answers = FinalAnswers()
        self.claimed_tasks = ClaimedTasks(store)
        # Of the open clips without a receipt, by key (footage/steps/rivals.py).
        self.unbooked_prompts: AsyncSharedCalls[dict[str, str | None]] = AsyncSharedCalls()
        # As old as what was seen of a clip's folder may be, where each look costs a request.
        self.noticed_within_s = LOOK_EVERY_S if store.remote else 0.0

    def command(self, action: Action) -> str:
        """The command line for what a person can do next about a clip of this run."""
        return command(action, self.flags)

    def __reduce__(self) -> str:
        raise TypeError("A Context holds a key and open connections; pass block names instead.")

    @property
    def api_key(self) -> ApiKey:
        """The key, found at first use: a clip that is already stored needs none.

        Raises:
            AccountProblem: There is no usable key; says where it was looked for.
        """
        with self._lock:
            if self._api_key is None:
                self._api_key = self._find_api_key()
                logger.info("Key %s… from %s.", self._api_key.fingerprint, self._api_key.source)
            return self._api_key

    @property
    def api_keys(self) -> tuple[ApiKey, ...]:
        """All keys of this run, the one that everything is asked with first.

        Raises:
            AccountProblem: There is no usable key, or they are of different regions.
        """
        first = self.api_key
        with self._lock:
            if self._more_keys is None:
                self._more_keys = tuple(self._find_more_keys())
        for other in self._more_keys:
            if not self.settings.region and other.region != first.region:
                raise AccountProblem(
                    f"The keys from the {first.source} and the {other.source} are of different regions "
                    f"({first.region or 'none given'}, {other.region or 'none given'}).",
                    next_step="name credentials blocks of one region",
                )
        return (first, *self._more_keys)

    @property
    def buying_keys(self) -> tuple[ApiKey, ...]:
        """One key of each account: two of one account share its limits, so a second one makes nothing faster.

        Raises:
            AccountProblem: As for `api_keys`.
        """
        of_account: dict[str, ApiKey] = {}
        for key in self.api_keys:
            of_account.setdefault(key.account, key)
        return tuple(of_account.values())

    def key_for(self, record: Intent | Receipt) -> ApiKey:
        """The key that something was bought with, else one of the same account and region.

        Raises:
            AccountProblem: There is none: to a key of another account the provider says that there is no such task. Or
                as for `api_keys`.
        """
        found = self._key_of(record)
        if found is None:
            raise AccountProblem(
                f"Clip {record.key[:12]} was bought with key {record.key_fingerprint}… of account "
                f"{record.account or DEFAULT_ACCOUNT} in {record.region}, and there is no key of it here.",
                next_step="save or name a credentials block of that account and region",
                key=record.key,
            )
        return found

    def why_unasked(self, record: Intent | Receipt) -> str | None:
        """Why the provider cannot be asked about what was bought; None: it can.

        Raises:
            AccountProblem: As for `api_keys`.
        """
        if self.knows(record.endpoint, record.workspace) is None:
            return f"the key is not sent to {shown(record.endpoint)}, because {NOT_KNOWN}"
        if self._key_of(record) is None:
            return f"there is no key of account {record.account or DEFAULT_ACCOUNT}"
        return None

    def _key_of(self, record: Intent | Receipt) -> ApiKey | None:
        keys = self.api_keys
        account = record.account or DEFAULT_ACCOUNT
        own = (key for key in keys if key.fingerprint == record.key_fingerprint)
        # A key that names no region may be of any.
        same = (key for key in keys if key.account == account and key.region in (None, record.region))
        return next(own, next(same, None))

    @property
    def clock_offset_s(self) -> float | None:
        """Provider's clock minus ours, at this moment; None while the provider's was never seen."""
        if self._provider_clock is None:
            return None
        provider_s, seen_s = self._provider_clock
        return provider_s + (boot_clock_s() - seen_s) - time.time()

    def note_clock(self, offset_s: float | None) -> None:
        """Keep what an answer of the provider told about its clock, unless that cannot be."""
        if offset_s is not None and abs(offset_s) < _MOST_OFFSET_S:
            self._provider_clock = (time.time() + offset_s, boot_clock_s())

    def provider_now(self) -> datetime:
        """The time by the provider's clock; by ours while the provider's was never seen."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_s or 0.0)

    @property
    def region(self) -> str | None:
        """The region of the key: from the settings, else from where the key was found, else unknown."""
        return self.settings.region or self._of_key("region")

    @property
    def workspace(self) -> str | None:
        """The workspace of the key, or None for the account's default."""
        return self.settings.workspace or self._of_key("workspace")

    def _of_key(self, name: str) -> str | None:
        # Without a key a request can still be checked and a stored clip returned.
        with contextlib.suppress(AccountProblem):
            return getattr(self.api_key, name)
        return None

    def workspace_of(self, api_key: ApiKey | None) -> str | None:
        """The workspace of a key; of None: of the first."""
        return self.workspace if api_key is None else self.settings.workspace or api_key.workspace

    def endpoint(self, region: str, api_key: ApiKey | None = None) -> str:
        """Base URL for a region; `DASHSCOPE_HTTP_BASE_URL` beats the catalogue."""
        from footage.catalogue import endpoint

        return self.settings.http_base_url or endpoint(region, self.workspace_of(api_key))

    def client_in(self, region: str, api_key: ApiKey | None = None) -> WanClient:
        """The client of a region and key (None: the first). Raises as `client`."""
        return self.client(self.endpoint(region, api_key), self.workspace_of(api_key), api_key)

    def client(self, endpoint: str, workspace: str | None = None, api_key: ApiKey | None = None) -> WanClient:
        """The client of one endpoint and key (None: the first), closed with the context.

        Raises:
            BadRecord: The key may not be sent to this address.
            AccountProblem: There is no usable key.
        """
        endpoint = self._known(endpoint, workspace)
        api_key = api_key or self.api_key
        with self._lock:
            if self._closed:
                raise RuntimeError("This context is closed; its connections would be left open.")
            wanted = (endpoint, workspace, api_key.fingerprint)
            if wanted not in self._clients:
                self._clients[wanted] = make_client(
                    self.settings, endpoint, api_key, workspace, self.rate_limits
                )
            return self._clients[wanted]

    def knows(self, endpoint: str, workspace: str | None) -> str | None:
        """The address that `endpoint` of a record is, if the key may be sent there; else None."""
        return known_endpoint(endpoint, workspace, self.settings.http_base_url)

    def _known(self, endpoint: str, workspace: str | None) -> str:
        # Before the key is looked for: nothing that evidence says decides where it goes.
        known = self.knows(endpoint, workspace)
        if known is None:
            raise BadRecord(
                f"The key is not sent to {shown(endpoint)}: {NOT_KNOWN}.",
                next_step=SET_ENDPOINT,
            )
        return known

    def require_exclusive_store(self) -> None:
        """Prove, once for each context, that of two workers with the same intent only one can win.

        Raises:
            StorageProblem: The store cannot do that, and the operator did not say that only one worker runs.
        """
        with self._proving:
            if self._exclusive or self.settings.single_worker:
                return
            try:
                self.store.check_exclusive()
            except StorageProblem as error:
                raise StorageProblem(
                    error.message,
                    next_step=NextStep.of(
                        *(error.next_step.parts if error.next_step else ["Mend the store."]),
                        " If only one worker ever runs, set WAN_VIDEO_SINGLE_WORKER=1.",
                    ),
                ) from error
            self._exclusive = True

    @property
    def emulated(self) -> bool:
        """Whether this context's endpoint says that it is the emulator, so that nothing can be bought."""
        return emulator_at(self.settings.http_base_url) is True

    def download_limits(self) -> DownloadLimits:
        """Where results may come from and how patient their download is."""
        from footage.transfer import Limits as DownloadLimits

        return DownloadLimits(allowed_hosts=self.settings.result_hosts, allow_loopback=self.emulated)

    def close(self) -> None:
        """Stop beating and close connections; call when the run is over."""
        self.worker.stop()
        with self._lock:
            self._closed = True
            clients = list(self._clients.values())
        for client in clients:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_client(
    settings: Settings,
    endpoint: str,
    api_key: ApiKey,
    workspace: str | None,
    rate_limits: RateLimits | None = None,
) -> WanClient:
    """A client of one endpoint, which whoever makes it closes; the DashScope SDK is loaded here and not before."""
    from footage.provider import WanClient

    rate_limits = rate_limits or ProcessRateLimits(settings.queries_per_second)
    limit_s = min(CALL_LIMIT_S, CALL_SHARE * (settings.lease_s / 2 + settings.reconcile_grace_s))
    return WanClient(
        endpoint,
        api_key,
        workspace=workspace,
        call_limit_s=limit_s,
        query_turn=rate_limits.query_turn,
    )


def open_context(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    find_api_key: Callable[[], ApiKey] = key_of_environment,
    find_more_keys: Callable[[], Sequence[ApiKey]] = tuple,
    key_warnings: Sequence[str] = (),
    run_id: str | None = None,
    run_began_at: datetime | None = None,
    bounded: bool = False,
    flags: Sequence[str] = (),
    rate_limits: RateLimits | None = None,
) -> Context:
    """A context from the environment, or from what is given; `bounded`: files of requests come from the folders
    that the operator allows, and from no other; `run_began_at`: when the run began that is started over.

    Raises:
        InvalidRequest: A setting cannot be used.
        StorageProblem: The store cannot be opened.
    """
    from footage.storage import open_store

    settings = settings or load_settings()
    if store is None:
        store = open_store(
            settings.store_url,
            settings.storage_options,
            public_base_url=settings.public_store_url,
            sign_seconds=settings.sign_urls_s,
            single_worker=settings.single_worker,
        )
    roots = InputRoots(settings.readable_folders) if bounded else InputRoots.anywhere()
    return Context(
        settings,
        store,
        find_api_key=find_api_key,
        find_more_keys=find_more_keys,
        key_warnings=key_warnings,
        run_id=run_id,
        run_began_at=run_began_at,
        input_roots=roots,
        flags=flags,
        rate_limits=rate_limits,
    )
