"""Whether the provider's completion events can be taken, where an operator wants to be told."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from footage.checkup.finding import Finding, examine
from footage.push.completion_event import DOCUMENTED_REGION, event_region
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
    url = context.settings.push_url
    if url is None or not context.settings.push_tokens:
        missing = "WAN_VIDEO_PUSH_URL" if url is None else "WAN_VIDEO_PUSH_TOKEN"
        return Finding(
            _NAME, "warn", f"{missing} is not set, so nothing listens", "set both, or none of them"
        )
    region = event_region(context)
    wrong = _reach_finding(url) or _clock_finding(context)
    if wrong is not None:
        return wrong
    if region != DOCUMENTED_REGION and not context.emulated:
        return Finding(
            _NAME,
            "warn",
            f"a receiver answers for {region}, and the provider documents events for {DOCUMENTED_REGION} alone",
            f"unset WAN_VIDEO_PUSH_URL and WAN_VIDEO_PUSH_TOKEN, or use a key of {DOCUMENTED_REGION}",
        )
    return Finding(_NAME, "ok", f"a receiver answers at {_shown(url)}, for events of {region}")


def _reach_finding(url: str) -> Finding | None:
    fix = (
        "start `wan-video listen` and lead the proxy of WAN_VIDEO_PUSH_URL to it; ignore this if only the internet can "
        "reach that address"
    )
    try:
        # A receiver takes POST alone. What it says to that needs a signature.
        # httpx would log the address, and whoever knows it needs the token only.
        status = requests.get(url, timeout=_TIMEOUT_S, allow_redirects=False).status_code
    except requests.RequestException as error:
        return Finding(_NAME, "warn", f"{_shown(url)} does not answer here ({type(error).__name__})", fix)
    if status == 405:
        return None
    return Finding(
        _NAME, "warn", f"{_shown(url)} is no receiver: it answers a GET with {status}, not 405", fix
    )


def _clock_finding(context: Context) -> Finding | None:
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
