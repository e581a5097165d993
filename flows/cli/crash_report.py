"""A mistake of ours: one line for the terminal, and the traceback in a file that may be shown to others."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import traceback

from pydantic import ValidationError

from flows.cli.console import tell
from footage.privacy.display import plain
from footage.privacy.redact import GONE, redact

_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSW|AUTH_STRING", re.IGNORECASE)
_IN_JSON = re.compile(r':\s*"([^"]+)"')
# Shorter values would hit ordinary words, and no secret is that short.
_SECRET_CHARS = 8


def report_crash(error: Exception) -> tuple[int, str]:
    """One line that says what happened and where the traceback is; the exit code, and what happened.

    2 for settings of Prefect that it refuses, 5 for a Prefect server that answers with an error, 7 for a file
    or folder that cannot be used, 1 for everything else.
    """
    code, what = _sorted(error)
    what = " ".join(_without_secrets(what).split())[:400]
    tell(what, "bold red")
    tell(f"→ {_kept(error)}; what was bought is in the evidence, and wan-video harvest finishes it")
    return code, what


def _sorted(error: Exception) -> tuple[int, str]:
    if isinstance(error, ValidationError) and error.title.endswith("Settings"):
        # Ours are checked in footage.settings, so these are Prefect's, which reads them when it is imported.
        return 2, f"Prefect cannot be used with these settings: {'; '.join(_wrong_settings(error))}"
    if isinstance(error, OSError) and error.filename is not None:
        return 7, f"{error.filename} cannot be used: {error.strerror}"
    if "httpx" in sys.modules and isinstance(error, sys.modules["httpx"].HTTPError):
        return 5, f"The Prefect server refused or is gone: {error}"
    return 1, f"Unexpected {type(error).__name__}: {error}"


def _wrong_settings(error: ValidationError) -> list[str]:
    # "LoggingSettings", "level": PREFECT_LOGGING_LEVEL.
    group = re.findall("[A-Z][a-z]+", error.title)[:-1]
    return [
        f"{'_'.join(['PREFECT', *group, *map(str, item['loc'])]).upper()}: {item['msg']}"
        for item in error.errors()
        if item["type"] != "default_factory_not_called"
    ]


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
            file.write(plain(_without_secrets(report)))
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
    return redact(text)
