"""A harvest that no credentials block is named to finishes what every account of the server bought."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import REGION, Bench
from emulatedrun import environment, fast_emulator
from pydantic import SecretStr

from blocks.credentials import DashScopeCredentials
from flows.cli import run
from footage.credentials import parse_key
from tasks.context import context_of

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

DEFAULT, OTHER = "sk-of-studio-a", "sk-of-studio-b"
# By name: the one of another account, one of another region, one whose text can be no key.
BLOCKS = {
    "every-b": DashScopeCredentials(api_key=SecretStr(OTHER), account="every-b", region=REGION),
    "every-far": DashScopeCredentials(api_key=SecretStr("sk-far"), account="every-far", region="us-east-1"),
    "every-torn": DashScopeCredentials(api_key=SecretStr("sk torn"), account="every-torn", region=REGION),
}


@pytest.fixture
def _blocks(prefect_server: Any) -> Iterator[None]:
    for name, block in BLOCKS.items():
        block.save(name, overwrite=True)
    yield
    for name in BLOCKS:
        DashScopeCredentials.delete(name)


@pytest.mark.slow
@pytest.mark.usefixtures("_blocks")
def test_it_finishes_what_each_account_of_its_region_bought_and_names_the_blocks_that_it_does_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with fast_emulator(accounts=[OTHER], generation_s=0.0) as emulator:
        for name, value in environment(emulator, tmp_path, DEFAULT).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WAN_VIDEO_REGION", REGION)
        bench = Bench(emulator, tmp_path)
        other = parse_key(OTHER, "test", account="every-b")
        clips = bench.buy_takes(bench.context(key=DEFAULT, more_keys=(other,)), 2)
        bench.close()
        # A marker that was lost: its task is in the list of that account.
        clips[1].evidence.unmark_open()

        assert run(["harvest", "--json"]) == 0

        report = json.loads(capsys.readouterr().out)
        assert sorted(report["delivered"]) == sorted(clip.key for clip in clips)
        assert len(bench.tasks()) == 2
    told = "\n".join(report["warnings"])
    assert "credentials_block every-far" in told
    assert "us-east-1" in told
    assert "block every-torn cannot be used" in told
    assert "every-b" not in told


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize(("key", "found"), [("sk-emulator", False), (DEFAULT, True)])
def test_no_real_key_is_taken_along_to_the_emulator(
    key: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("DASHSCOPE_API_KEY", key)
    monkeypatch.setenv("WAN_VIDEO_REGION", REGION)

    async def accounts() -> set[str]:
        async with context_of(None, every_account=True) as context:
            return {one.account for one in context.api_keys}

    assert ("every-b" in asyncio.run(accounts())) is found


@pytest.mark.usefixtures("_blocks")
def test_without_a_default_key_the_blocks_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WAN_VIDEO_REGION", REGION)

    async def accounts() -> set[str]:
        async with context_of(None, every_account=True) as context:
            return {one.account for one in context.api_keys}

    assert "every-b" in asyncio.run(accounts())
