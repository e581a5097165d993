"""Whether an endpoint is the emulator. It says so itself; nobody else on this machine is taken for it.

A forwarder or a proxy to the real provider has a loopback address, too, and what is bought through it costs money.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from footage.network.proxies import is_loopback

# What the emulator says of itself under /_emulator/health (its README has the route).
SERVICE = "wan-video emulator"
_TIMEOUT_S = 5.0
_MAX_BYTES = 65536

_told: dict[str, bool] = {}
_lock = threading.Lock()


def emulator_at(base_url: str | None) -> bool | None:
    """Whether this address says that it is the emulator; asked once for each process, and only on this machine.

    None: nobody answers there now. That is no yes, and it is asked again the next time.
    """
    parts = urlsplit(base_url or "")
    if not is_loopback(parts.hostname or ""):
        return False
    place = urlunsplit((parts.scheme, parts.netloc, "/_emulator/health", "", ""))
    with _lock:
        if place not in _told:
            told = _ask(place)
            if told is None:
                return None
            _told[place] = told
        return _told[place]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Whoever sends us elsewhere is not the emulator."""


def _ask(url: str) -> bool | None:
    """What the address says; None without an answer. No key is sent, and no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            health = json.loads(answer.read(_MAX_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        # A forwarder whose other side is away says nothing about what it is.
        return None if error.code >= 500 else False
    except OSError:
        return None
    except (ValueError, RecursionError):
        return False
    return isinstance(health, dict) and cast("dict[str, Any]", health).get("service") == SERVICE
