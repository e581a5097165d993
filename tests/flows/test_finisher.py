"""A clip that ended while nobody waited for it is finished by a harvest of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from manymachines import until

from flows.cli import run
from footage.push.wake_ups import wake
from footage.settings import load_settings
from footage.storage import open_store
from tasks.finisher import Finisher

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


@pytest.mark.slow
@pytest.mark.parametrize("left", [False, True], ids=["of this receiver", "left by one that was killed"])
def test_what_nobody_takes_is_harvested_and_what_somebody_took_is_not(
    left: bool, prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast_emulator(generation_s=2000.0) as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "0.1")
        wanted = ["--prompt", "a boat", "--model", "wan2.2-t2v-plus", "--size", "832*480"]
        assert run(["generate", *wanted]) == 5
        monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "60")
        store = open_store(load_settings().store_url)
        (key,) = (path.partition("/")[2] for path in store.list("open"))
        if left:
            wake(store, key)

        finisher = Finisher(store, [], grace_s=0.1)
        # Nobody left a note for it, or somebody took it away.
        finisher.add("f" * 64)
        if not left:
            wake(store, key)
            finisher.add(key)
        until(lambda: store.exists(f"evidence/{key}/result.json"), "the clip is finished", 60)
        finisher.stop()

    assert store.list("wakeups") == []
    assert [path for path in store.list("videos") if path.endswith(".mp4")] == [f"videos/{key}.mp4"]
