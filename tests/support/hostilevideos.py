"""What looking at a video gives; called by `measured`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footage.media import inspect


def looked_at(path: str) -> list[Any]:
    facts = inspect(Path(path))
    return [facts.playable, facts.undecoded, *facts.problems]
