"""What the provider's error codes mean, and which of our errors each one is.

The table is data; `classify` is the only place where a refusal gets its kind. A code decides, then the
HTTP status. The provider writes many codes in two ways (`InvalidApiKey`, `invalid_api_key`) and appends
more exact parts after a dot (`InternalError.Algo`), so spelling and unknown endings do not matter. A
message decides only in the few rows that have `says`: there one code stands for two different things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from footage.errors import AccountProblem, FootageError, GenerationFailed, Refused, Throttled, Unreachable
from footage.privacy.display import one_line
from footage.privacy.redact import redact

Kind = Literal["account", "throttle", "request", "content", "transient"]

_DOCS = "Model Studio error codes, read 2026-11"
_RATE = "Model Studio rate limits, read 2026-11"
_SEEN = "seen in answers of the live service, 2026"
_SDK = "DashScope SDK 2.0.2"


@dataclass(frozen=True)
class ErrorCode:
    """One code of the provider in plain words; `may_retry` is about the same request, unchanged."""

    code: str
    kind: Kind
    may_retry: bool
    meaning: str
    what_to_do: str
    source: str = _DOCS
    # Beginning of the message, where the code alone says two different things.
    says: str | None = None


_KEY = "check that the key is complete, active and of the region that is used: every region has its own keys"
_RIGHTS = (
    "let the account's owner grant this key or workspace access to the model, in the Model Studio console"
)
_PAY = "settle it in the Alibaba Cloud billing console"
_FREE = "enable paid use of this model in the Model Studio console"
_MEND = "correct the field that the message names"
_AGAIN = "start it again; a failed task is not billed"


def _account(
    code: str, meaning: str, what_to_do: str, source: str = _DOCS, says: str | None = None
) -> ErrorCode:
    return ErrorCode(code, "account", False, meaning, what_to_do, source, says)


def _later(code: str, meaning: str) -> ErrorCode:
    return ErrorCode(code, "throttle", True, meaning, "nothing; it is tried again later, more slowly", _RATE)


def _wrong(code: str, meaning: str, what_to_do: str = _MEND) -> ErrorCode:
    return ErrorCode(code, "request", False, meaning, what_to_do)


def _download(code: str, source: str = _DOCS, says: str | None = None) -> ErrorCode:
    meaning = "the provider could not download a file"
    return ErrorCode(code, "request", True, meaning, _AGAIN, source, says)


def _content(code: str, meaning: str) -> ErrorCode:
    return ErrorCode(code, "content", False, meaning, "change the prompt or the reference image")


def _fault(code: str, meaning: str, what_to_do: str = _AGAIN, source: str = _DOCS) -> ErrorCode:
    return ErrorCode(code, "transient", True, meaning, what_to_do, source)


CODES: tuple[ErrorCode, ...] = (
    # Key, workspace, permission.
    _account("InvalidApiKey", "the key is not accepted", _KEY),
    _account("NOT AUTHORIZED", "the workspace does not exist or the key may not use it", _RIGHTS),
    _account("AccessDenied", "the key may not do this", _RIGHTS),
    _account("AccessDenied.Unpurchased", "the account is not eligible for this model", _RIGHTS),
    _account("Model.AccessDenied", "the key may not use this model", _RIGHTS),
    _account("Workspace.AccessDenied", "the key may not use this workspace", _RIGHTS),
    _account("Endpoint.AccessDenied", "the key may not use this endpoint", _RIGHTS),
    _account("WorkSpaceNotFound", "the workspace does not exist", "check the workspace id"),
    # Money and quota.
    _account("Arrearage", "the account is in arrears", _PAY),
    _account("CommodityNotPurchased", "the service was not bought", _PAY),
    _account("PrepaidBillOverdue", "a prepaid bill is overdue", _PAY),
    _account("PostpaidBillOverdue", "a bill is overdue", _PAY),
    _account("BudgetLimitExceeded", "the account's budget is used up", _PAY, _SEEN),
    _account("AllocationQuota.FreeTierOnly", "the free quota is used up", _FREE),
    _account("Throttling.AllocationQuota", "the free quota is used up", _FREE, says="Free allocated quota"),
    # Come back later.
    _later("Throttling", "too many requests"),
    _later("Throttling.RateQuota", "too many requests a second or a minute"),
    _later("limit_requests", "too many requests a second or a minute"),
    _later("Throttling.BurstRate", "requests became more too quickly"),
    _later("Throttling.Concurrency", "too many tasks at once"),
    _later("Throttling.AllocationQuota", "the quota of this period is used up"),
    # The request.
    _wrong(
        "ModelNotFound",
        "this region does not know the model, or the key may not see it",
        "choose a model of this region: wan-video models",
    ),
    _wrong("NotFound", "the address does not exist", "check region and base address"),
    _wrong("InvalidParameter", "a parameter is wrong, missing or not known to the model"),
    _download("InvalidParameter", _SEEN, says="Failed to download"),
    _download("InvalidParameter", says="download image failed"),
    _download("InvalidParameter.DataInspection"),
    _wrong("InvalidURL", "a URL is missing, wrong, or not of a usable file"),
    _download("InvalidURL.ConnectionRefused"),
    _download("InvalidURL.Timeout"),
    _wrong("InvalidImage.FileFormat", "the image has a format that is not accepted"),
    _wrong("InvalidImageFormat", "the image has a format that is not accepted"),
    _wrong("InvalidImageResolution", "the image is too small or too large"),
    _wrong("InvalidFile", "a file has a format, size or length that is not accepted"),
    _wrong("BadRequest", "the request is not well-formed", "report it with the request id: a fault of ours"),
    _wrong("BadRequest.TooLarge", "the request is too large", "use a smaller reference image"),
    _download("BadRequest.InputDownloadFailed"),
    _wrong(
        "UnsupportedOperation",
        "only a task that still waits can be cancelled",
        "nothing; the task runs to its end and is billed",
    ),
    # What is shown, said or wanted.
    _content("DataInspectionFailed", "prompt, image or result did not pass moderation"),
    _content("IPInfringementSuspect", "prompt or image may infringe somebody's rights"),
    # Faults of the provider.
    _fault("InternalError", "a fault inside the provider"),
    _fault("InternalError.Timeout", "the provider gave up after three hours"),
    _fault("SystemError", "a fault inside the provider"),
    _fault("ModelServiceFailed", "the model failed"),
    _fault("ModelServingError", "the provider is at its capacity"),
    _fault("ModelUnavailable", "the model is not available now"),
    _fault("RequestTimeOut", "the provider took too long"),
    _fault(
        "RewriteFailed",
        "the rewriting of the prompt failed",
        "start it again, with prompt_extend=false if it stays; a failed task is not billed",
    ),
    _fault("WaitTaskTimeout", "the SDK stopped waiting; the task goes on", "ask again", _SDK),
)


def lookup(code: str | None, message: str | None = None) -> ErrorCode | None:
    """The row for a code in any spelling, with or without more exact parts; None when none fits."""
    wanted = _spelling(code or "")
    while wanted:
        rows = [row for row in CODES if _spelling(row.code) == wanted]
        fitting = [row for row in rows if row.says is None or (message or "").startswith(row.says)]
        if fitting:
            return max(fitting, key=lambda row: row.says is not None)
        wanted = wanted.rpartition(".")[0]
    return None


def classify(
    http_status: int | None,
    code: str | None,
    message: str | None,
    *,
    doing: str = "The provider",
    **details: Any,
) -> FootageError:
    """The error for a refusal that was received; `http_status=None` means that a task ended as FAILED.

    Returned, not raised: AccountProblem, Throttled, Refused or Unreachable for an answer, always
    GenerationFailed for a task. All of them have `code` (verbatim or None) and `reason`; Refused and
    GenerationFailed have `may_retry`. Whether an answer like this can mean that something was bought is
    not decided here: only the caller knows what had been asked.
    """
    reason = shown_reason(message)
    row = lookup(code, reason)
    details |= {"code": code, "reason": reason}
    said = ": ".join(part for part in (code, reason) if part) or "no reason was given"
    meaning = f" ({row.meaning})" if row else ""
    next_step = row.what_to_do if row else None
    if http_status is None:
        # A failed task is not billed, so when nobody says why, one more attempt costs nothing.
        may_retry = row.may_retry if row else not code
        return GenerationFailed(
            f"The provider failed this clip: {said}{meaning}.",
            next_step=next_step,
            may_retry=may_retry,
            **details,
        )
    details["http_status"] = http_status
    text = f"{doing} answered {http_status}: {said}{meaning}."
    match _kind(http_status, row):
        case "account":
            return AccountProblem(text, next_step=next_step or _KEY, **details)
        case "throttle":
            return Throttled(text, next_step=next_step, **{"retry_after_s": None, **details})
        case "transient":
            return Unreachable(text, next_step="nothing; it is tried again later", **details)
        case _:
            may_retry = row is not None and row.may_retry
            return Refused(text, next_step=next_step or _MEND, may_retry=may_retry, **details)


def shown_reason(message: str | None, limit: int = 500) -> str | None:
    """A provider's message fit for a log line: one line, no control characters, no secrets, not endless."""
    if not message:
        return None
    # Blanks first: looking through the 4 MB of them that an odd answer had took seconds.
    text = one_line(redact(" ".join(message.split())))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _kind(http_status: int, row: ErrorCode | None) -> Kind:
    # A row of the account kind goes first: the billing codes arrive under 400 and 429, where the status alone
    # would say "your request is wrong" or "come back later".
    if row is not None and row.kind == "account":
        return "account"
    if http_status in (401, 403):
        return "account"
    if http_status == 429:
        return "throttle"
    if 400 <= http_status < 500 and http_status != 408:
        # Also when the code speaks of a fault inside the provider: a 4xx was refused, and that is final.
        return "throttle" if row is not None and row.kind == "throttle" else "request"
    return "throttle" if row is not None and row.kind == "throttle" else "transient"


def _spelling(code: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", code.lower())
