"""The child: one job in on stdin, one line of JSON and perhaps bytes out on stdout.

It limits itself before the job's module, and with it the decoder, is loaded.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from typing import Any

_OPEN_FILES = 64
# By name: not every system has every number.
_DISK = {"ENOSPC", "EDQUOT", "EROFS", "EACCES"}


def main() -> None:
    # Libraries print, and the answer is all that may stand on stdout.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    question = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read() if question["data"] else None
    _limit(question)
    answer, rest = _answer(question["job"], data, question["arguments"])
    out.write(json.dumps(answer).encode() + b"\n")
    out.write(rest)
    out.flush()
    # What a broken library would do while it is unloaded is of no interest any more.
    os._exit(0)


def _answer(job: str, data: bytes | None, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    module, _, name = job.partition(":")
    given = () if data is None else (data,)
    try:
        result: Any = getattr(importlib.import_module(module), name)(*given, **arguments)
    except MemoryError:
        return {"error": "reading it took too much memory", "cause": "memory"}, b""
    except OSError as error:
        # PyAV's and Pillow's errors are OSErrors too; the disk's have these numbers.
        number = errno.errorcode.get(error.errno or 0)
        cause = "memory" if number == "ENOMEM" else "disk" if number in _DISK else "input"
        return {"error": error.strerror or str(error) or type(error).__name__, "cause": cause}, b""
    except Exception as error:  # noqa: BLE001 - a cut index gives IndexError, a mutated one anything
        said = f"{type(error).__name__}: {error}"[:300]
        return {"error": f"its reader gave up ({said})", "cause": "input"}, b""
    return result if isinstance(result, tuple) else (result, b"")


def _limit(question: dict[str, Any]) -> None:
    try:
        import resource
    except ImportError:  # Windows: the time limit of the parent is all there is
        return
    wanted = [
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, question["processor_s"]),
        (resource.RLIMIT_DATA, question["data_bytes"]),
        (resource.RLIMIT_AS, question["address_space_bytes"]),
    ]
    for what, value in wanted:
        if value is None:
            continue
        # At the hard limit of processor time comes SIGKILL, which does not say why; at the soft one SIGXCPU.
        hard = value + 2 if what == resource.RLIMIT_CPU else value
        try:
            resource.setrlimit(what, (value, hard))
        except (ValueError, OSError):  # macOS refuses some, and a lower limit may be set already
            continue


if __name__ == "__main__":
    main()
