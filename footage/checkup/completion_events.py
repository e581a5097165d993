"""Whether the provider's completion events can be taken, where an operator wants to be told."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from footage.checkup.finding import Finding, examine
from footage.push.completion_event import DOCUMENTED_REGION
from footage.push.signature import WINDOW_MS

if TYPE_CHECKING:
    from footage.context import Context

_NAME = "events"
_TIMEOUT_S = 5.0


def event_findings(context: Context) -> Generator[Finding]:
    """A finding where a receiver is configured; polling makes every clip without one, so it is never a failure.

    What a receiver counted is told by its own `/healthz`, which the public address need not lead to.
    """
    if context.settings.push_url is not None or context.settings.push_token is not None:
        yield examine(_NAME, lambda: _events(context)).as_warning()


def _events(context: Context) -> Finding:
    url, token = context.settings.push_url, context.settings.push_token
    if url is None or token is None:
        missing = "WAN_VIDEO_PUSH_URL" if url is None else "WAN_VIDEO_PUSH_TOKEN"
        return Finding(
            _NAME, "warn", f"{missing} is not set, so nothing listens", "set both, or none of them"
        )
    region = context.region or DOCUMENTED_REGION
    wrong = _unreachable(url) or _refused_by_clock(context)
    if wrong is not None:
        return wrong
    if region != DOCUMENTED_REGION and not context.emulated:
        return Finding(
            _NAME,
            "warn",
            f"a receiver answers for {region}, and the provider documents events for {DOCUMENTED_REGION} alone",
            "nothing: polling goes on; GET /healthz of the receiver counts what comes",
        )
    return Finding(_NAME, "ok", f"a receiver answers at {_shown(url)}, for events of {region}")


def _unreachable(url: str) -> Finding | None:
    fix = "wan-video listen, and a proxy that leads there; from elsewhere it may be reached all the same"
    try:
        # A receiver takes POST alone. What it says to that needs a signature.
        status = httpx.get(url, timeout=_TIMEOUT_S, follow_redirects=False).status_code
    except httpx.HTTPError as error:
        return Finding(_NAME, "warn", f"{_shown(url)} does not answer here ({type(error).__name__})", fix)
    if status == 405:
        return None
    return Finding(
        _NAME, "warn", f"{_shown(url)} is no receiver: it answers a GET with {status}, not 405", fix
    )


def _refused_by_clock(context: Context) -> Finding | None:
    offset_s = context.clock_offset_s
    if offset_s is None or abs(offset_s) * 1000 < WINDOW_MS / 2 or context.emulated:
        return None
    return Finding(
        _NAME,
        "warn",
        f"this machine differs from the provider by {offset_s:+.0f} s: a receiver here refuses events that are "
        f"{WINDOW_MS // 1000} s old, or seem to be",
        "synchronise the clock (NTP)",
    )


def _shown(url: str) -> str:
    """Without its path, which nobody should guess."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"
