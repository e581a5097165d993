"""One emulator for many commands: it is shared while it is needed, ends by itself and comes back as it was."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from emulatedrun import stop_shared_emulator

from footage.emulator import CannotStart, Emulator, shared_emulator
from footage.emulator.asgi_server import stop_when_alone
from footage.emulator.shared_instance import read_address

# No system gives a process this number.
NOBODY = 2**30


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose emulator, if there is one at the end, is stopped."""
    yield tmp_path / "state"
    stop_shared_emulator(tmp_path / "state")


def health(base_url: str) -> dict[str, Any]:
    return httpx.get(f"{base_url.removesuffix('/api/v1')}/_emulator/health", trust_env=False).json()


def test_commands_that_start_at_once_share_one_emulator_which_stays_when_the_first_is_done(
    folder: Path,
) -> None:
    together, seen = threading.Barrier(3), dict[int, int]()

    def command(number: int) -> None:
        together.wait()
        with shared_emulator(folder, 60, 30) as base_url:
            seen[number] = health(base_url)["pid"]

    threads = [threading.Thread(target=command, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    together.wait()
    with shared_emulator(folder, 60, 30) as base_url:
        for thread in threads:
            thread.join()

        assert {*seen.values(), health(base_url)["pid"]} == {read_address(folder)[1]}


def test_it_ends_when_nobody_is_connected_any_more_and_not_before(folder: Path) -> None:
    codes: list[int] = []
    with shared_emulator(folder, 60, idle_s=0.1):
        pid = read_address(folder)[1]
        ending = threading.Thread(target=lambda: codes.append(os.waitpid(pid, 0)[1]), daemon=True)
        ending.start()
        # Eight times the idle time, in which this process says nothing.
        ending.join(0.8)
        assert codes == []

    ending.join(10)
    assert codes == [0]


async def test_who_comes_at_the_last_moment_is_not_left_alone() -> None:
    server = uvicorn.Server(uvicorn.Config("never:started"))
    idle_s, protocol = 0.2, cast(Any, object())
    # After the last look but one.
    asyncio.get_running_loop().call_later(0.95 * idle_s, server.server_state.connections.add, protocol)
    stopping = asyncio.create_task(stop_when_alone(server, idle_s))

    await asyncio.sleep(1.5 * idle_s)
    assert not server.should_exit

    server.server_state.connections.clear()
    await stopping
    assert server.should_exit


def test_after_a_kill_the_next_command_finds_everything_at_the_same_address(
    folder: Path, make_api: Any
) -> None:
    with shared_emulator(folder, 60, 30) as before, make_api(_at(before)) as api:
        task_id = api.create()
    pid = read_address(folder)[1]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    with shared_emulator(folder, 60, 30) as after, make_api(_at(after)) as api:
        assert after == before
        assert api.query(task_id)["task_status"] != "UNKNOWN"


def _at(base_url: str) -> Emulator:
    found = Emulator()
    found.base_url = base_url
    return found


@pytest.mark.parametrize("address", ["", "no JSON", "[]", '{"port": 99999999, "pid": 1}', "{}"])
def test_an_address_that_cannot_be_read_is_none(tmp_path: Path, address: str) -> None:
    (tmp_path / "address.json").write_text(address)

    assert read_address(tmp_path) == (0, 0)


def test_another_program_on_the_old_port_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    with Emulator() as other:
        port = int(other.url.rsplit(":", 1)[1])
        (folder / "address.json").write_text(json.dumps({"port": port, "pid": NOBODY}))

        with shared_emulator(folder, 60, 30) as base_url:
            assert base_url != other.base_url
            assert other.health()["ok"]


def test_a_folder_in_which_nothing_can_be_kept_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(CannotStart, match="file/state: nothing can be kept there"),
        _standing(tmp_path / "file"),
    ):
        pass

    broken = tmp_path / "state"
    broken.mkdir()
    (broken / "emulator.sqlite").write_text("this was never a database, and it is long enough to show it")
    with (
        pytest.raises(CannotStart, match=r"state: nothing can be kept there \(file is not"),
        _standing(tmp_path),
    ):
        pass


def _standing(parent: Path) -> Any:
    return shared_emulator(parent / "state", 60, 30)


def test_two_emulators_never_share_a_state_folder(folder: Path) -> None:
    with Emulator(state_dir=folder) as first:
        with pytest.raises(RuntimeError, match="another emulator works with this folder"):
            Emulator(state_dir=folder).start()
        assert first.health()["ok"]
