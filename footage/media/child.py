"""The process that touches foreign media: one job in on stdin, one JSON line out on stdout.

Started as `python -m footage.media.child`. It limits itself before the decoder is loaded.
"""

from __future__ import annotations

import errno
import json
import sys
from typing import Any

# Decoding 8192x4320 takes 355 MB, conforming 1080p 292 MB; the rest is what threads reserve and never use.
_ADDRESS_SPACE_BYTES = 6 << 30
_OPEN_FILES = 64


def main() -> None:
    question = json.load(sys.stdin)
    _limit(question["timeout_s"])
    print(json.dumps(_answer(question["job"], question["arguments"])))  # noqa: T201 - the answer


def _answer(job: str, arguments: dict[str, Any]) -> dict[str, Any]:
    # Only now: the limits hold for everything below.
    from footage.media.decoding import inspect, last_frame
    from footage.media.encoding import conform
    from footage.media.joining import join

    jobs: dict[str, Any] = {"inspect": inspect, "last_frame": last_frame, "conform": conform, "join": join}
    try:
        return jobs[job](**arguments)
    except OSError as error:
        # PyAV's errors are OSErrors too; the disk's have these numbers.
        full = errno.errorcode.get(error.errno or 0) in {"ENOSPC", "EDQUOT", "EROFS", "EACCES"}
        return {"error": error.strerror or type(error).__name__, "disk": full}
    except Exception as error:  # noqa: BLE001 - a cut index gives IndexError, a mutated one anything
        return {"error": f"the decoder gave up ({type(error).__name__}: {error})"}


def _limit(timeout_s: float) -> None:
    try:
        import resource
    except ImportError:  # Windows: the time limit of the parent is all there is
        return
    seconds = int(timeout_s * 4)
    for what, value in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (value, value))
        except (ValueError, OSError):  # macOS refuses some, and a lower limit may be set already
            continue


if __name__ == "__main__":
    main()
