"""Single values of an answer: leniently read, None where they are not understood."""

from __future__ import annotations

import email.utils
import json
import math
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard, cast
from urllib.parse import urlsplit

from footage.provider.results import TaskRow, TaskStatus, Usage
from footage.values.strict_json import deeper_than

# Longer than any clip, and the most that a record takes.
MOST_SECONDS = 100_000
# A day can be added to any time in them.
FIRST_YEAR, LAST_YEAR = 2000, 2998

TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# So much of a text is read, and so large and deep may what is told of the usage be, that a record of the evidence has
# room for all of it: one that is written and cannot be read again would hold up a clip that is paid.
MOST_CHARS = 50_000
MOST_CODE_CHARS = 200
_MOST_DEEP = 8


def parsed_json(text: str) -> Any:
    """What a JSON text holds; None when it is none."""
    try:
        # NaN and Infinity are not JSON and would make the evidence unreadable for others.
        document = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        # A prompt cut in the middle of an emoji leaves half a character, which cannot be written as UTF-8.
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return None
    return document


def _finite(digits: str) -> float | None:
    # 1e999 is JSON, and would be kept as Infinity.
    value = float(digits)
    return value if math.isfinite(value) else None


def task_status(word: Any) -> TaskStatus | None:
    """The status of this name."""
    return TaskStatus(word) if isinstance(word, str) and word in TaskStatus.__members__ else None


def task_row(row: Any) -> TaskRow | None:
    """One row of the task list."""
    entry = mapping(row)
    task_id, model, status = entry.get("task_id"), entry.get("model_name"), task_status(entry.get("status"))
    created_ms = number(entry.get("gmt_create")) or number(entry.get("start_time"))
    if not is_task_id(task_id) or not isinstance(model, str) or status is None or created_ms is None:
        return None
    try:
        created_at = datetime.fromtimestamp(float(created_ms) / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    if not FIRST_YEAR <= created_at.year <= LAST_YEAR:
        return None
    # All rows of a model have one name between them.
    return TaskRow(task_id, text(entry.get("request_id")), sys.intern(model), status, created_at)


def is_task_id(value: Any) -> TypeGuard[str]:
    """Whether it has the form of the provider's task ids."""
    return isinstance(value, str) and TASK_ID.fullmatch(value) is not None


def video_url(value: Any) -> str | None:
    """The link of a result, over https where the provider's own store is behind it."""
    url = text(value)
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    if url is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    if parts.scheme == "http" and parts.hostname.endswith(".aliyuncs.com"):
        # Some models of the family hand out http addresses; the store behind them speaks https, and the
        # signature covers neither scheme nor port.
        return parts._replace(scheme="https", netloc=parts.netloc.removesuffix(":80")).geturl()
    return url


def usage(value: Any) -> Usage | None:
    """What is billed for."""
    given = mapping(value)
    if not given:
        return None
    # Models up to 2.2 say video_duration and video_ratio, 2.6 says duration and size.
    seconds = (number(given.get(field)) for field in ("duration", "video_duration", "output_video_duration"))
    size = re.fullmatch(r"(\d{1,5})[*x](\d{1,5})", str(given.get("size") or given.get("video_ratio") or ""))
    audio = given.get("audio")
    return Usage(
        # 0 is a field that nobody filled in.
        billed_seconds=next((one for one in seconds if one is not None and 0 < one <= MOST_SECONDS), None),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        sr=whole(given.get("SR")),
        audio={"true": True, "false": False}.get(str(audio).lower()),
        fps=number(given.get("fps")),
        raw=given if _is_small(given) else {},
    )


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def text(value: Any, most: int = MOST_CHARS) -> str | None:
    """The beginning of a text that is not empty, or an id that came as a number."""
    if isinstance(value, str):
        return value[:most] or None
    return str(value)[:most] if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> Decimal | None:
    """A number of 0 or more, also one that came as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    # Larger than any time in milliseconds: not a number of this service, and slow to work with.
    return read if read.is_finite() and 0 <= read < 10**15 else None


def whole(value: Any) -> int | None:
    """A whole number of 0 or more."""
    read = number(value)
    return int(read) if read is not None and read == read.to_integral_value() else None


def http_date(value: str | None) -> datetime | None:
    """The time of a Date header, in UTC."""
    try:
        parsed = email.utils.parsedate_to_datetime(value or "")
        # In UTC, so that a date at the end of time with a zone cannot fail later, when it is reckoned with.
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _is_small(value: Any) -> bool:
    """Whether it is neither too deep nor too large to be kept."""
    return not deeper_than(value, _MOST_DEEP) and len(json.dumps(value)) <= MOST_CHARS
