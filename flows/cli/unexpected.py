"""A mistake of ours: one line for the terminal, and the traceback in a file that may be shown to others."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import tempfile
import traceback

from flows.cli.say import tell
from footage.redact import GONE, redact

_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSW|AUTH_STRING", re.IGNORECASE)
_IN_JSON = re.compile(r':\s*"([^"]+)"')
_USER_OF_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
# Shorter values would hit ordinary words, and no secret is that short.
_SECRET_CHARS = 8


def explain_mistake(error: Exception) -> None:
    """One line that says what happened and where the traceback is."""
    what = " ".join(_without_secrets(f"{type(error).__name__}: {error}").split())
    tell(f"Unexpected {what[:300]}", "bold red")
    tell(f"→ {_kept(error)}; what was bought is in the evidence, and wan-video harvest finishes it")


def _kept(error: Exception) -> str:
    report = "".join(
        (
            f"wan-video {importlib.metadata.version('wan-video')}, Python {platform.python_version()}, ",
            f"{platform.platform()}\n",
            *traceback.format_exception(error),
        )
    )
    try:
        # Readable by this user alone, like everything that mkstemp makes.
        handle, path = tempfile.mkstemp(prefix="wan-video-", suffix=".log")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
            file.write(_without_secrets(report))
    except OSError as failure:
        return f"the traceback could not be kept ({failure.strerror})"
    return f"the traceback is in {path}"


def _without_secrets(text: str) -> str:
    """What `redact` leaves out, and the values of this environment that look like no secret at all."""
    secrets = [value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)]
    secrets += _IN_JSON.findall(os.environ.get("WAN_VIDEO_STORAGE_OPTIONS", ""))
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SECRET_CHARS:
            text = text.replace(secret, GONE)
    return _USER_OF_URL.sub(GONE, redact(text))
