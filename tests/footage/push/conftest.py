"""A store, and a receiver that events are sent to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventbus import KEYS, Bus, certificate_of
from rawserver import RawServer, reply

from footage.storage import Store, open_store


@pytest.fixture(scope="module")
def oss() -> Iterator[RawServer]:
    """Where the certificate is; a stand-in on this machine."""
    with RawServer(reply(certificate_of(KEYS))) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def bus(store: Store, oss: RawServer) -> Bus:
    return Bus(store, oss)
