from __future__ import annotations

import secrets

import pytest
from storecontract import StoreContract

from footage.storage import Store, open_store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"memory://{secrets.token_hex(6)}/base")
