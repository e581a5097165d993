"""What tests of spending share."""

from __future__ import annotations

from pathlib import Path

import pytest

from footage.storage import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store on disk."""
    return open_store(str(tmp_path / "store"))
