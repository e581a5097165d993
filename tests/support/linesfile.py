"""A file of requests, one a line."""

from __future__ import annotations

import json
from pathlib import Path


def lines_file(folder: Path, *lines: object) -> str:
    """The path of a file with these lines; bytes are written as they are."""
    file = folder / "requests.jsonl"
    file.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return str(file)
