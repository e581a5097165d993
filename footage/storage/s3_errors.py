"""What a store that speaks S3 answers when it refuses, and what a person can do about it."""

from __future__ import annotations

import errno
from typing import Any, cast

# "Taken", as the stores put it: S3 and most servers; the bare status when there is no body; Alibaba OSS.
TAKEN = {"PreconditionFailed", "412", "FileAlreadyExists"}
# "Somebody else is writing this very key right now": the outcome is not known yet, ask again. NoSuchUpload
# is what a completion gets that is sent again after its answer was lost: it may have been done.
UNDECIDED = {"ConditionalRequestConflict", "409", "NoSuchUpload"}

_CREDENTIALS = (
    "Check key, secret and token of the storage options, or the AWS credentials of this environment."
)
_REASONS: dict[str, tuple[str, str | None]] = {
    "NoSuchBucket": ("the bucket does not exist", "Create the bucket, or correct its name and the endpoint."),
    "AccessDenied": (
        "the store denies it (AccessDenied)",
        "Allow this key to read, write, list and delete under the base URL.",
    ),
    "403": (
        "the store denies it (403)",
        "Allow this key to read, write, list and delete under the base URL.",
    ),
    "InvalidAccessKeyId": ("the store does not know the access key (InvalidAccessKeyId)", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret does not fit the access key (SignatureDoesNotMatch)", _CREDENTIALS),
    "ExpiredToken": ("the credentials have expired (ExpiredToken)", _CREDENTIALS),
    "InvalidToken": ("the session token is not valid (InvalidToken)", _CREDENTIALS),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong (RequestTimeTooSkewed)", "Set the clock."),
    "NotImplemented": (
        "the store does not know this request (NotImplemented)",
        'For Alibaba OSS under a name of your own, set "flavour": "oss" in the storage options. Where only one '
        "worker ever runs, WAN_VIDEO_SINGLE_WORKER=1 does without.",
    ),
    "SecondLevelDomainForbidden": (
        "the store wants the bucket in the host name (SecondLevelDomainForbidden)",
        'Set "flavour": "oss" in the storage options, or config_kwargs.s3.addressing_style to "virtual".',
    ),
    "NoSuchUpload": ("the upload was aborted by somebody else (NoSuchUpload)", "Try again."),
    "SlowDown": ("the store asks to slow down (SlowDown)", "Try again later."),
    "QuotaExceeded": ("the quota of the store is used up (QuotaExceeded)", None),
}


def explain(error: Exception) -> tuple[str | None, str | None]:
    """Why the store did not do it, and what to do about that, as far as either is known."""
    import botocore.exceptions as botocore

    code = error_code(error)
    if code in _REASONS:
        return _REASONS[code]
    if isinstance(error, FileNotFoundError):
        return None, None
    if isinstance(error, (botocore.NoCredentialsError, botocore.PartialCredentialsError)):
        return "there are no credentials for it", _CREDENTIALS
    if isinstance(error, botocore.SSLError):
        return (
            "the server's certificate is not trusted",
            'Give the CA file as {"client_kwargs": {"verify": "/path/ca.pem"}} in the storage options.',
        )
    if isinstance(error, (botocore.HTTPClientError, botocore.ConnectionError, TimeoutError)):
        return (
            f"the store cannot be reached ({type(error).__name__})",
            "Check the endpoint and the network.",
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full", "Free some space, then run the same command again."
    # The store's own text is left out: some stores echo what they were asked to check, key and all.
    return f"the store answered {code or type(error).__name__}", None


def error_code(error: BaseException) -> str | None:
    """Find the store's error code; s3fs keeps botocore's error as the cause of an OSError."""
    seen: BaseException | None = error
    while seen is not None:
        answer = getattr(seen, "response", None)
        if isinstance(answer, dict):
            code = cast(dict[str, Any], answer).get("Error", {}).get("Code")
            return None if code is None else str(code)
        seen = seen.__cause__
    return None
