"""When a model stops, from its entry in the list of models.

The documentation has `"inference_offline_info": {"offline_time": "2026-12-31 00:00:00"}`, null if nothing is planned;
other spellings and a map by model were seen by others. So every field of this name counts, wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

from footage.catalogue import known_models
from footage.provider.answer_values import FIRST_YEAR, LAST_YEAR, mapping, number

# What the service writes without a zone is Beijing's time.
_BEIJING = timezone(timedelta(hours=8))
_FIELD = "offlinetime"
_MOST_DEEP = 5
# From here on a number counts milliseconds: as seconds it would be a time beyond the year 5000.
_MILLISECONDS = 10**11


def offline_time(entry: Mapping[str, Any], model: str) -> datetime | None:
    """The earliest time that the entry of `model` has for its end; None where there is none that can be read."""
    return min((time for value in _values(entry, model, 0) if (time := _time(value))), default=None)


def _values(value: Any, model: str, depth: int) -> Iterator[Any]:
    if isinstance(value, list) and depth < _MOST_DEEP:
        for item in cast("list[Any]", value):
            yield from _values(item, model, depth + 1)
    for name, inner in mapping(value).items():
        if name.lower().replace("_", "") == _FIELD:
            yield from mapping(inner).values() if isinstance(inner, dict) else (inner,)
        elif depth < _MOST_DEEP and (name == model or name not in known_models()):
            yield from _values(inner, model, depth + 1)


def _time(value: Any) -> datetime | None:
    try:
        time = _of_number(value) or datetime.fromisoformat(str(value).strip().replace("/", "-"))
    except (OverflowError, OSError, ValueError):
        return None
    time = time if time.tzinfo else time.replace(tzinfo=_BEIJING)
    return time if FIRST_YEAR <= time.year <= LAST_YEAR else None


def _of_number(value: Any) -> datetime | None:
    # Not eight digits: 20261231 is a date.
    since_1970 = number(value)
    if since_1970 is None or since_1970 < 10**9:
        return None
    seconds = since_1970 / 1000 if since_1970 >= _MILLISECONDS else since_1970
    return datetime.fromtimestamp(float(seconds), UTC).astimezone(_BEIJING)
