"""Keys of several accounts, over the wire: what one made is nothing to the others, and each has its own limits."""

from collections.abc import Iterator
from typing import Any

import pytest

from footage.emulator import Emulator

OTHER = "sk-of-studio-b"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    # A hundred times slower than life: everything below happens within one virtual second.
    with Emulator(speed=0.01, accounts=[OTHER]) as emulator:
        yield emulator


def _of_other(api: Any) -> None:
    api.headers = {"Authorization": f"Bearer {OTHER}"}


def _listed(api: Any, **query: Any) -> list[str]:
    answer = api.get("/tasks", **query).json()
    assert answer["total"] == len(answer["data"])
    return [row["task_id"] for row in answer["data"]]


def test_no_key_sees_or_cancels_what_another_account_made(make_api: Any, emulator: Emulator) -> None:
    with make_api(emulator) as api:
        ours = api.create()
        _of_other(api)
        theirs = api.create()

        assert api.query(ours)["task_status"] == "UNKNOWN"
        assert api.cancel(ours).status_code == 400
        assert api.query(theirs)["task_status"] == "PENDING"
        for query in ({}, {"model_name": "wan2.2-t2v-plus"}, {"status": "PENDING"}, {"task_id": ours}):
            assert _listed(api, **query) == ([] if "task_id" in query else [theirs])

        api.headers = {"Authorization": "Bearer sk-another-key-of-ours"}
        assert api.query(ours)["task_status"] == "PENDING"
        assert _listed(api) == [ours]
        assert api.cancel(ours).status_code == 200


def test_each_account_has_limits_of_its_own(make_api: Any, emulator: Emulator) -> None:
    with make_api(emulator) as api:
        ours = [api.submit().status_code for _ in range(3)]
        _of_other(api)
        theirs = [api.submit().status_code for _ in range(3)]
        asked = [api.get("/tasks").status_code for _ in range(21)]
        emulator.advance(1)
        running = _listed(api, status="RUNNING")
        api.headers = {"Authorization": "Bearer sk-ours"}

        assert ours == theirs == [200, 200, 429]
        assert asked == [200] * 20 + [429]
        # Two at once are documented, for each of them.
        assert len(running) == len(_listed(api, status="RUNNING")) == 2
        assert emulator.ledger()["most_running"] == {"wan2.2-t2v-plus": 2}


def test_whose_a_task_is_outlives_a_kill(make_api: Any, emulator: Emulator) -> None:
    with make_api(emulator) as api:
        _of_other(api)
        theirs = api.create()
        emulator.kill()
        emulator.start()

        assert api.query(theirs)["task_status"] != "UNKNOWN"
        api.headers = {"Authorization": "Bearer sk-ours"}
        assert api.query(theirs)["task_status"] == "UNKNOWN"
