from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from storecontract import StoreContract, outcome

from footage.storage import Store, open_store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"memory://{secrets.token_hex(6)}/base")


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Let threads change turns after every few instructions, so that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_looking_and_writing_are_one_step_in_memory() -> None:
    store = open_store(f"memory://{secrets.token_hex(6)}/base")

    with ThreadPoolExecutor(4) as threads:
        for number in range(150):
            name = f"race/{number}"
            claims = [secrets.token_bytes(4) for _ in range(4)]
            outcomes = list(
                threads.map(lambda claim, name=name: outcome(lambda: store.create(name, claim)), claims)
            )
            assert outcomes.count("won") == 1
            assert store.read(name) == claims[outcomes.index("won")]
