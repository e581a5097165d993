"""Reads the provider's answers: bytes in, typed results or our errors out; no network, no clock.

Read from the raw bytes, because the SDK loses what matters: it reports the real 401 (which comes without
a content type) as "Unknown", drops the code of an error that arrives with 200, and raises a
JSONDecodeError or TypeError for a broken answer to a create that was paid for. Numbers come as integers,
floats and strings, so they are read leniently; a status or an id that is not understood is never guessed.
Shapes: Model Studio API references for text-to-video and image-to-video, and "Manage asynchronous tasks",
read 2026-11.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from footage.errors import FootageError, InvalidRequest, Problem, Refused, SubmissionUnknown, Unreachable
from footage.provider.answer_values import (
    MOST_CODE_CHARS,
    TASK_ID,
    http_date,
    is_task_id,
    mapping,
    number,
    parsed_json,
    task_row,
    task_status,
    text,
    usage,
    video_url,
    whole,
)
from footage.provider.codes import classify, lookup, shown_reason
from footage.provider.offline_time import offline_time
from footage.provider.results import (
    Created,
    ModelListing,
    Probe,
    Quota,
    RawAnswer,
    TaskAnswer,
    TaskPage,
    TaskRow,
)
from footage.provider.upload import UploadPolicy


def read_created(raw: RawAnswer) -> Created:
    """What became of an order, from the answer to it.

    Raises:
        Refused, AccountProblem, Throttled: It was refused; nothing was bought.
        Unreachable: It was not taken by the provider; nothing was bought.
        SubmissionUnknown: The answer does not tell; the clip may have been bought.
    """
    reading = _Reading(raw)
    task_id = reading.output.get("task_id") or reading.document.get("task_id")
    if 200 <= raw.status < 300:
        if is_task_id(task_id):
            return Created(task_id, reading.request_id, raw.received_at, reading.document)
        rescued = set(re.findall(r'"task_id"\s*:\s*"([A-Za-z0-9_-]{1,64})"', reading.text))
        if not reading.understood and len(rescued) == 1:
            # The answer was cut off, but behind the id: the clip is bought and this is its task.
            task_id = rescued.pop()
            document = {"output": {"task_id": task_id}, "cut_off_answer": reading.text}
            return Created(task_id, None, raw.received_at, document)
    elif raw.status in (307, 308):
        # "Send the same to another address": whoever answers so has not acted on it (RFC 9110 §15.4.8).
        # Other redirects give no such promise; 303 even means "done, look there".
        raise Unreachable(
            f"The provider's address answered {raw.status}, a redirect; a paid request never follows one.",
            next_step="check the base address and the network (a login page, a proxy)",
            http_status=raw.status,
        )
    elif 400 <= raw.status < 500 and raw.status != 408 and not is_task_id(task_id):
        # One that names a task all the same says two things.
        raise classify(raw.status, reading.code, reading.message, doing="The create", **reading.details)
    # Also a received 5xx or 408: the gateway answers so when the service behind it was too slow, which may
    # have taken the order all the same.
    raise SubmissionUnknown(
        f"The create was sent and the answer does not tell whether it was taken: {reading.in_short}.",
        next_step="reconcile with the provider's task list before anything is sent again",
        http_status=raw.status,
        code=reading.code,
        reason=shown_reason(reading.message),
        **reading.details,
    )


def read_task(raw: RawAnswer, task_id: str) -> TaskAnswer:
    """One look at a task.

    Raises:
        AccountProblem, Throttled: As they say; the task goes on.
        Unreachable: Anything else that is not a readable answer about this task; ask again.
    """
    reading = _Reading(raw)
    doing = f"The query of task {task_id}"
    output = reading.expect("output", doing)
    if output.get("task_id", task_id) != task_id:
        raise _not_understood(reading, doing, "it is about another task")
    status = task_status(output.get("task_status"))
    if status is None:
        raise _not_understood(reading, doing, f"status {shown_reason(str(output.get('task_status')), 40)!r}")
    return TaskAnswer(
        task_id=task_id,
        status=status,
        video_url=video_url(output.get("video_url")),
        usage=usage(reading.document.get("usage")),
        code=text(output.get("code"), MOST_CODE_CHARS),
        message=text(output.get("message")),
        orig_prompt=text(output.get("orig_prompt")),
        actual_prompt=text(output.get("actual_prompt")),
        request_id=reading.request_id,
        answer=reading.document,
    )


def read_page(raw: RawAnswer, page: int) -> TaskPage:
    """One page of the task list.

    A row that cannot be read makes the whole page unreadable: a task left out could be the one that
    somebody looks for to decide whether a clip was bought.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    reading = _Reading(raw)
    doing = "The task list"
    rows = reading.expect("data", doing)
    document = reading.document
    total, total_pages = whole(document.get("total")), whole(document.get("total_page"))
    if total is None or total_pages is None:
        raise _not_understood(reading, doing, "it does not say how long it is")
    read: list[TaskRow] = []
    for row in rows:
        task = task_row(row)
        if task is None:
            raise _not_understood(reading, doing, f"row {shown_reason(str(row), 200)}")
        read.append(task)
    return TaskPage(tuple(read), whole(document.get("page_no")) or page, total_pages, total)


def read_cancel(raw: RawAnswer, task_id: str) -> bool:
    """Whether the provider took the cancellation; it does not when the task is not PENDING.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    reading = _Reading(raw)
    if 200 <= raw.status < 300 and reading.understood and not reading.code:
        return True
    error = reading.refusal(f"The cancellation of task {task_id}")
    row = lookup(reading.code)
    if row is not None and row.code == "UnsupportedOperation":
        return False
    raise error


def read_model_listing(raw: RawAnswer, model: str) -> ModelListing:
    """Whether the key sees the model, and when it stops.

    The entries' fields are hardly documented, so one that contains exactly the name somewhere is a yes, an
    empty list is a no, and a list of other things is no answer.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    reading = _Reading(raw)
    if raw.status in (400, 404, 405):
        return ModelListing(None)
    models = reading.expect("output", "The model query").get("models")
    if not isinstance(models, list):
        return ModelListing(None)
    entries = [mapping(entry) for entry in cast("list[Any]", models)]
    if not entries:
        return ModelListing(False)
    own = next((entry for entry in entries if model in entry.values()), None)
    return ModelListing(None) if own is None else ModelListing(True, offline_time(own, model))


def read_quota(raw: RawAnswer, model: str, workspace: str | None = None) -> Quota | None:
    """The account's limits for the model, the tighter of model's and `workspace`'s; None where it does not say.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    reading = _Reading(raw)
    if raw.status in (400, 404, 405):
        return None
    quotas = reading.expect("output", "The quota query").get("quotas")
    entries = [mapping(entry) for entry in cast("list[Any]", quotas)] if isinstance(quotas, list) else []
    rows = [entry for entry in entries if entry.get("model") == model]
    if not rows:
        return None
    limits = _own_limits(rows, workspace)

    def tightest(field: str) -> int | None:
        told = (whole(limit.get(field)) for limit in limits)
        # 0 is told where a limit does not apply.
        return min((number for number in told if number), default=None)

    requests, period_s = _request_limit(limits)
    return Quota(
        model=model,
        requests=requests,
        request_period_s=period_s,
        concurrent_tasks=tightest("async_user_concurrency_limit"),
        queued_tasks=tightest("async_user_queue_limit"),
        answer=reading.document,
    )


def _own_limits(rows: list[dict[str, Any]], workspace: str | None) -> list[dict[str, Any]]:
    """Of a model's rows, one for each workspace, the limits that hold in this one (None: the account's default)."""
    if workspace is None:
        own = rows[0] if len(rows) == 1 else None
    else:
        own = next((row for row in rows if row.get("workspace_id") in (workspace, None)), None)
    if own is not None:
        return [mapping(own.get("model_limit")), mapping(own.get("workspace_limit"))]
    # No row can be told to be ours. A limit of the model is the account's, and holds in each workspace; one of another
    # workspace could be anything, and to send more than ours allows is refused and costs nothing.
    return [mapping(row.get("model_limit")) for row in rows]


def _request_limit(limits: list[dict[str, Any]]) -> tuple[int | None, int | None]:
    """The limit that allows the fewest requests a second, and its period in seconds."""
    told: list[tuple[int, int | None]] = []
    for limit in limits:
        requests, period_s = whole(limit.get("request_limit")), whole(limit.get("request_limit_period"))
        # Others are no limit: 0 is told where one does not apply.
        if requests is not None and requests > 0 and (period_s is None or period_s > 0):
            told.append((requests, period_s))
    return min(told, key=lambda limit: limit[0] / (limit[1] or 1), default=(None, None))


def read_upload_policy(raw: RawAnswer) -> UploadPolicy:
    """The permission to upload.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    reading = _Reading(raw)
    doing = "The query for an upload"
    if not 200 <= raw.status < 300:
        raise reading.refusal(doing)
    data = mapping(reading.document.get("data"))
    names = ("upload_host", "upload_dir", "oss_access_key_id", "policy", "signature")
    host, folder, key_id, policy, signature = (text(data.get(name)) for name in names)
    if not (host and folder and key_id and policy and signature):
        raise _not_understood(reading, doing, "no permission in it")
    acl = text(data.get("x_oss_object_acl")) or "private"
    forbid = text(data.get("x_oss_forbid_overwrite")) or "true"
    return UploadPolicy(host, folder, key_id, policy, signature, acl, forbid)


def read_probe(raw: RawAnswer) -> Probe:
    """That the list query was answered with a list, and what the answer tells about clock and distance.

    Raises:
        AccountProblem, Throttled, Unreachable: As for `read_task`.
    """
    _Reading(raw).expect("data", "The probe (a list query)")
    latency = raw.received_at - raw.asked_at
    offset_s = None
    server_time = http_date(raw.headers.get("date"))
    if server_time is not None:
        # The header has whole seconds, so half a second is the fairest guess for the rest of it.
        middle = raw.asked_at + latency / 2
        offset_s = (server_time + timedelta(seconds=0.5) - middle).total_seconds()
    return Probe(offset_s, latency.total_seconds())


def checked_task_id(task_id: str) -> str:
    """The id itself if it can be one; the SDK would put `../../x` or `a?b` into the address as it is.

    Raises:
        InvalidRequest: It cannot be a task id; nothing was sent.
    """
    if TASK_ID.fullmatch(task_id):
        return task_id
    shown = repr(task_id[:80])
    problem = Problem("task_id", shown, "this cannot be a task id.", "1 to 64 letters, digits, _ and -")
    raise InvalidRequest(problems=(problem,))


class _Reading:
    """An answer taken apart as far as it can be; nothing here raises but `expect`."""

    def __init__(self, raw: RawAnswer) -> None:
        self.raw = raw
        self.text = raw.body.decode("utf-8-sig", errors="replace")
        document = parsed_json(self.text)
        self.understood = isinstance(document, dict)
        self.document: dict[str, Any] = mapping(document)
        self.output = mapping(self.document.get("output"))
        # OpenAI's envelope appears on some paths: {"error": {"message", "type", "code"}}.
        inner = mapping(self.document.get("error"))
        said = inner or self.document
        self.code = text(said.get("code"), MOST_CODE_CHARS) or text(inner.get("type"), MOST_CODE_CHARS)
        message = text(said.get("message")) or text(said.get("msg")) or text(said.get("error"))
        self.message = message if message or self.understood else self.text or None
        self.request_id = text(self.document.get("request_id")) or raw.headers.get("x-request-id")

    @property
    def details(self) -> dict[str, Any]:
        """What every error about this answer carries."""
        return {
            "request_id": self.request_id,
            "retry_after_s": self._retry_after_s(),
            "mistake": self._mistake(),
        }

    def _mistake(self) -> str | None:
        """Where the answer is rather a wrong address than an outage; see `Unreachable`."""
        if self.raw.status == 404:
            return "path"
        html = self.text.lstrip()[:20].lower().startswith(("<!doctype html", "<html"))
        return "page" if html and 200 <= self.raw.status < 300 else None

    @property
    def in_short(self) -> str:
        parts = [f"HTTP {self.raw.status}"]
        parts += [f"code {self.code}"] if self.code else []
        parts += [f"the answer ended early, {self.raw.cut}"] if self.raw.cut else []
        parts += [f"{shown_reason(self.message, 200)!r}"] if self.message else ["no readable body"]
        return ", ".join(parts)

    def expect(self, field: str, doing: str) -> Any:
        """The object or list under `field` of a good answer; raises what the answer is otherwise."""
        found = self.document.get(field)
        wanted = list if field == "data" else dict
        if not 200 <= self.raw.status < 300 or (self.code and not isinstance(found, wanted)):
            raise self.refusal(doing)
        if not isinstance(found, wanted):
            raise _not_understood(self, doing, f"no {field!r} in it")
        return cast(Any, found)

    def refusal(self, doing: str) -> FootageError:
        """The error for an answer to a question: asking is free, so at worst it is asked again."""
        if self.raw.status == 407:
            return Unreachable(
                f"{doing}: a proxy answered 407, it wants another user or password.",
                next_step="check user and password in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
                **self.details | {"mistake": "proxy", "http_status": 407},
            )
        error = classify(self.raw.status, self.code, self.message, doing=doing, **self.details)
        if not isinstance(error, Refused):
            return error
        # "This question is wrong" says nothing about the task, which may be running and paid for.
        return Unreachable(error.message, next_step="check region and base address", **error.details)

    def _retry_after_s(self) -> float | None:
        # Not documented by the provider; gateways in front of it send it.
        value = self.raw.headers.get("retry-after")
        seconds = number(value)
        if seconds is None:
            # By the clock of whoever says it: ours may be hours from that.
            at, now = http_date(value), http_date(self.raw.headers.get("date")) or self.raw.received_at
            seconds = None if at is None else Decimal(str((at - now).total_seconds()))
        return None if seconds is None else min(max(float(seconds), 0.0), 3600.0)


def _not_understood(reading: _Reading, doing: str, what: str) -> Unreachable:
    return Unreachable(
        f"{doing} got an answer that is not understood ({what}): {reading.in_short}.",
        next_step="nothing; it is asked again later",
        http_status=reading.raw.status,
        **reading.details,
    )
