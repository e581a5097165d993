"""The service's own time: it runs faster than ours, can jump ahead, and never goes back."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime


class Clock:
    """Virtual seconds since the epoch: start + elapsed x speed + jumps."""

    def __init__(self, speed: float, start_s: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self._speed = speed
        self._base_s = start_s
        self._mark_s = time.monotonic()

    @property
    def speed(self) -> float:
        return self._speed

    def now_s(self) -> float:
        return self._base_s + (time.monotonic() - self._mark_s) * self._speed

    def advance(self, seconds: float) -> None:
        """Jump ahead. Going back is refused: signed URLs and task times would contradict each other."""
        if seconds < 0:
            raise ValueError("the emulator's clock cannot go back")
        self._base_s += seconds

    def real_s(self, virtual_s: float) -> float:
        """How long a span of virtual seconds lasts for a person waiting."""
        return virtual_s / self._speed


def task_time(at_s: float, utc_offset_hours: float) -> str:
    """`2025-09-29 14:18:52.331`, the form of task answers: local to the region, without a zone."""
    moment = datetime.fromtimestamp(at_s, timezone(timedelta(hours=utc_offset_hours)))
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def parse_compact(text: str, utc_offset_hours: float) -> float:
    """Seconds since the epoch of `YYYYMMDDhhmmss`, the form of list filters. ValueError when malformed."""
    zone = timezone(timedelta(hours=utc_offset_hours))
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone).timestamp()


def http_date(at_s: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(at_s), UTC), usegmt=True)
