"""A store of the clips that an earlier release made, and what can happen to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

KEPT = Path(__file__).parents[1] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())
FINISHED = sorted(KEYS[name] for name in ("t2v", "i2v", "adopted"))


def kept_store(folder: Path) -> Path:
    """A copy of it below `folder`, as OUTPUT_DIR has it."""
    root = folder / "alicloud-ai-video-wan-video"
    shutil.copytree(KEPT, root)
    return root


def spoil_video(root: Path, key: str) -> None:
    """Other bytes of the same length."""
    path = root / f"videos/{key}.mp4"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
