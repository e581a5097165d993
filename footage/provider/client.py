"""The only code that may spend money: `WanClient.create`. Everything else here only asks."""

from __future__ import annotations

import copy
import hashlib
import importlib
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from footage.credentials import ApiKey
from footage.errors import FootageError, InvalidRequest, SubmissionUnknown, Throttled, Unreachable
from footage.network.endpoints import region_of
from footage.network.proxies import proxy_for, shown_proxy
from footage.provider import answers
from footage.provider.results import (
    Created,
    ModelListing,
    Probe,
    Quota,
    RawAnswer,
    TaskAnswer,
    TaskPage,
    TaskStatus,
)
from footage.provider.sent_body import check_order
from footage.provider.service_address import checked_base_url, checked_workspace

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

    from footage.provider.wire import NoAnswer, OneCall

# The provider keeps uploads for 48 hours, and a create may wait in its queue for some of them.
_UPLOAD_USED_S = 12 * 3600.0

T = TypeVar("T")


# What is told where a question is refused because too many are asked: for how many seconds, if the provider says that.
NoteRefusal = Callable[[float | None], None]


class WanClient:
    """One region's Wan service with one key. Thread-safe; any number of them may live in one process.

    `base_url` is the region's address including `/api/v1`. `call_limit_s` bounds a whole call, with an
    image of 5 MB on its way up a slow line. `query_turn` is given the line that a question waits in (`counted_as`, and
    "cancel" after it for a cancel), blocks until it may be asked, and returns what is told where it is refused for now.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey,
        *,
        workspace: str | None = None,
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 60.0,
        call_limit_s: float = 180.0,
        query_turn: Callable[[tuple[str, ...]], NoteRefusal] | None = None,
    ) -> None:
        """Checks its arguments; connects to nothing and imports nothing heavy.

        Raises:
            AccountProblem: Address or workspace cannot be used.
        """
        self.base_url = checked_base_url(base_url)
        self.api_key = api_key
        self.workspace = checked_workspace(workspace or api_key.workspace)
        # What the provider counts questions by: region and account, whichever key and host of the region is used. An
        # address that is not the provider's own stands for a region.
        self.counted_as = region_of(self.base_url, self.workspace) or self.base_url, api_key.account
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._limit_s = call_limit_s
        self._query_turn = query_turn
        self._lock = threading.Lock()
        self._adapter: HTTPAdapter | None = None
        # Addresses by model and SHA-256, and until when they are used: one picture on fifty shots goes up once.
        self._uploaded: dict[tuple[str, str], tuple[str, float]] = {}
        self._uploading: dict[tuple[str, str], threading.Lock] = {}

    def __repr__(self) -> str:
        return f"WanClient({self.base_url!r}, {self.api_key!r})"

    @property
    def asks_as(self) -> tuple[str, str]:
        """Address and key's fingerprint: what the provider's lists are told apart by."""
        return self.base_url, self.api_key.fingerprint

    @property
    def call_limit_s(self) -> float:
        """The longest that one call may take, once it has its turn."""
        return self._limit_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open for questions; the client may be used again."""
        with self._lock:
            adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.close()

    @staticmethod
    def load_sdk() -> None:
        """Import what a create needs, which takes seconds the first time in a process."""
        importlib.import_module("footage.provider.sdk")

    def create(self, body: dict[str, Any], *, may_send: Callable[[], bool] = lambda: True) -> Created:
        """Buy one clip. Sends exactly one request with exactly this body, and never repeats it.

        `body` is {"model", "input", "parameters"}; its media are data: URIs or addresses. `may_send` is asked
        when the connection is open and the first byte is about to go out; False sends nothing.

        Raises:
            InvalidRequest: The SDK would send something else; nothing was sent.
            Unreachable: No connection was opened; nothing was bought, try later.
            Throttled: Nothing was bought; try later, `retry_after_s` is a hint or None.
            AccountProblem: Key, permission, quota or balance; nothing was bought.
            Refused: Nothing was bought; `may_retry` is False where repeating cannot help.
            SubmissionUnknown: The clip may have been bought; reconcile before anything else.
        """
        from footage.provider import sdk, wire

        adapter = wire.single_adapter()
        call = wire.OneCall(
            adapter,
            self.api_key,
            timeouts_s=self._timeouts_s,
            limit_s=self._limit_s,
            # A copy: the SDK rewrites lists of media that it is given.
            check_body=partial(check_order, copy.deepcopy(body)),
            may_send=may_send,
        )
        call.headers["Connection"] = "close"
        try:
            outcome = self._run(call, sdk.GuardedVideoSynthesis.create, body)
        finally:
            adapter.close()
        if isinstance(outcome, RawAnswer):
            return answers.read_created(outcome)
        if not outcome.may_have_left:
            raise self._unreachable(outcome)
        raise SubmissionUnknown(
            f"The create was sent to {self.base_url} and no answer came back: {outcome.why}.",
            next_step="reconcile with the provider's task list before anything is sent again",
            http_status=None,
            code=None,
            reason=outcome.why,
            request_id=None,
        )

    def upload(self, name: str, data: bytes, model: str) -> str:
        """Put a file where one model can read it for 48 hours, and return its `oss://` address; free of charge.

        Raises:
            Unreachable, Throttled, AccountProblem: It is not there; nothing was bought.
        """
        from footage.provider.upload import upload

        place = (model, hashlib.sha256(data).hexdigest())
        with self._lock:
            lock = self._uploading.setdefault(place, threading.Lock())
        # Shots that begin at once wait for the one upload of what they share.
        with lock:
            address, until_s = self._uploaded.get(place, ("", 0.0))
            if time.monotonic() < until_s:
                return address
            policy = self._ask(
                answers.read_upload_policy, "look", "uploads", {"action": "getPolicy", "model": model}
            )
            address = upload(self.base_url, policy, name, data)
            self._uploaded[place] = (address, time.monotonic() + _UPLOAD_USED_S)
        return address

    def fetch(self, task_id: str) -> TaskAnswer:
        """Look at one task. A task older than 24 h, or never heard of, is UNKNOWN.

        Raises:
            InvalidRequest: This cannot be a task id; nothing was sent.
            Unreachable: No answer about this task; asking again is free.
            Throttled: Ask later; `retry_after_s` is a hint or None.
            AccountProblem: The key may not ask; the task goes on.
        """
        answers.checked_task_id(task_id)
        return self._ask(partial(answers.read_task, task_id=task_id), "fetch", task_id, about_tasks=True)

    def list_tasks(
        self,
        *,
        model: str | None = None,
        status: TaskStatus | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> TaskPage:
        """One page of the account's tasks of the last 24 h.

        Raises:
            Unreachable, Throttled, AccountProblem: As for `fetch`.
        """
        # start_time and end_time are local times of a zone that is documented for no region: a task missed by a
        # wrong zone would be bought again. Without them the service answers for 24 h, as long as it keeps tasks.
        params: dict[str, Any] = {"page_no": page, "page_size": page_size}
        params |= {"model_name": model} if model else {}
        params |= {"status": status.value} if status else {}
        return self._ask(partial(answers.read_page, page=page), "look", "tasks", params, about_tasks=True)

    def cancel(self, task_id: str) -> bool:
        """Ask the provider to drop a waiting task; False if it does not wait any more and goes on.

        Raises:
            InvalidRequest, Unreachable, Throttled, AccountProblem: As for `fetch`; the task may go on.
        """
        answers.checked_task_id(task_id)
        return self._ask(partial(answers.read_cancel, task_id=task_id), "cancel", task_id, about_tasks=True)

    def model_listing(self, model: str) -> ModelListing:
        """Whether this key sees the model in this region, and when it stops; free of charge.

        Raises:
            Unreachable, Throttled, AccountProblem: As for `fetch`.
        """
        params = {"model": model, "page_no": 1, "page_size": 10}
        return self._ask(partial(answers.read_model_listing, model=model), "look", "models", params)

    def quotas(self, model: str) -> Quota | None:
        """The account's live limits for the model in this workspace; None if the service does not say.

        Raises:
            Unreachable, Throttled, AccountProblem: As for `fetch`.
        """
        read = partial(answers.read_quota, model=model, workspace=self.workspace)
        return self._ask(read, "look", "quotas", {"model": model})

    def probe(self) -> Probe:
        """Find out with one free query whether key, region and network are fine.

        Raises:
            Unreachable, Throttled, AccountProblem: As for `fetch`.
        """
        return self._ask(
            answers.read_probe, "look", "tasks", {"page_no": 1, "page_size": 1}, about_tasks=True
        )

    def _ask(
        self,
        read: Callable[[RawAnswer], T],
        what: Literal["fetch", "cancel", "look"],
        *arguments: Any,
        about_tasks: bool = False,
    ) -> T:
        """Send one question in its turn; what `read` finds in its answer."""
        from footage.provider import wire

        with self._lock:
            if self._adapter is None:
                self._adapter = wire.shared_adapter()
            adapter = self._adapter
        call = wire.OneCall(adapter, self.api_key, timeouts_s=self._timeouts_s, limit_s=self._limit_s)
        # Cancels have a limit of their own, and what waits to be cancelled costs money a moment later.
        line = (*self.counted_as, "cancel") if what == "cancel" else self.counted_as
        note_refusal = self._query_turn(line) if self._query_turn is not None else None
        outcome = self._run(call, _question(what), *arguments)
        if not isinstance(outcome, RawAnswer):
            raise self._unreachable(outcome)
        try:
            return read(outcome)
        except Throttled as refusal:
            # Models, quotas and uploads have limits of their own.
            if note_refusal is not None and about_tasks:
                note_refusal(refusal.retry_after_s)
            raise

    def _run(self, call: OneCall, send: Callable[..., None], *arguments: Any) -> RawAnswer | NoAnswer:
        """Let `send` make one request through `call`; what came of it."""
        unsent = None
        try:
            send(call, self.base_url, self.workspace, *arguments)
        except FootageError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK's exceptions stay in this room
            unsent = type(error).__name__
        # Outside of the except block: our errors do not drag the SDK's frames and requests' objects along.
        if call.outcome is None:
            raise InvalidRequest(f"The DashScope SDK did not send this request ({unsent}); nothing was sent.")
        return call.outcome

    def _unreachable(self, outcome: NoAnswer) -> Unreachable:
        return Unreachable(
            f"No answer from {self.base_url}{_through(self.base_url)}: {outcome.why}.",
            next_step="check the network and the address; it is safe to try again",
            reason=outcome.why,
            mistake=_mistake_of(outcome),
        )


def _question(what: Literal["fetch", "cancel", "look"]) -> Callable[..., None]:
    # The SDK takes seconds to import, and it has nothing for lists: a wrong address is told without it.
    if what == "look":
        return _look
    from footage.provider import sdk

    return getattr(sdk.GuardedVideoSynthesis, what)


def _look(call: OneCall, base_url: str, workspace: str | None, path: str, params: dict[str, Any]) -> None:
    """GET a list: tasks, models or quotas."""
    headers = {"Accept": "application/json; charset=utf-8", "User-Agent": "wan-video"}
    headers |= {"X-DashScope-WorkSpace": workspace} if workspace else {}
    call.get(f"{base_url}/{path}", params=params, headers=headers)


def _through(url: str) -> str:
    proxy = proxy_for(url)
    return f" ({shown_proxy(proxy)})" if proxy else ""


def _mistake_of(outcome: NoAnswer) -> str | None:
    if outcome.login_refused:
        return "proxy"
    return "name" if outcome.no_such_name else None
