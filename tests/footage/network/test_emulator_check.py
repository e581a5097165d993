"""A loopback address is the provider's unless it says that it is the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rawserver import RawServer, reply, verbatim

from footage.context import Context
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.network.emulator_check import SERVICE, emulator_at
from footage.settings import Settings
from footage.steps.mixed_evidence import refuse_mixed_evidence
from footage.storage import open_store


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def context_at(url: str, folder: Path) -> Context:
    settings = Settings(http_base_url=url, output_dir=str(folder))
    return Context(settings, open_store(settings.store_url))


def test_only_who_says_so_is_the_emulator(emulator: Emulator) -> None:
    assert emulator_at(emulator.base_url) is True
    for answer in (reply({"ok": True}), reply(["x"]), reply({}, 404), reply(b"<html>"), reply({}, 302)):
        with RawServer(answer) as forwarder:
            assert emulator_at(forwarder.base_url) is False


def test_elsewhere_nobody_is_asked_and_nobody_is_the_emulator() -> None:
    assert emulator_at("https://dashscope.aliyuncs.com/api/v1") is False
    assert emulator_at(None) is False


def test_no_answer_is_no_word_and_is_asked_again() -> None:
    with RawServer(verbatim(b""), reply({"service": SERVICE})) as late:
        assert emulator_at(late.base_url) is None
        assert emulator_at(late.base_url) is True
        assert emulator_at(late.base_url) is True

        assert len(late.requests) == 2
        assert "authorization" not in late.requests[0].headers


def test_results_of_this_machine_are_taken_from_the_emulator_alone(
    emulator: Emulator, tmp_path: Path
) -> None:
    with RawServer(reply({}, 404)) as forwarder:
        assert not context_at(forwarder.base_url, tmp_path).download_limits().allow_loopback
    assert context_at(emulator.base_url, tmp_path).download_limits().allow_loopback


@pytest.mark.parametrize(
    ("made_at", "by_emulator", "with_emulator", "with_forwarder"),
    [
        pytest.param("http://127.0.0.1:1/api/v1", None, True, False, id="older evidence of an emulator"),
        pytest.param("https://dashscope.aliyuncs.com/api/v1", None, False, True, id="older, of the provider"),
        pytest.param("http://127.0.0.1:1/api/v1", False, False, True, id="bought through a forwarder"),
        pytest.param("http://127.0.0.1:1/api/v1", True, True, False, id="made by an emulator"),
        pytest.param(None, None, True, True, id="not known"),
    ],
)
def test_clips_of_emulator_and_provider_are_kept_apart(
    made_at: str | None,
    by_emulator: bool | None,
    with_emulator: bool,
    with_forwarder: bool,
    emulator: Emulator,
    tmp_path: Path,
) -> None:
    def mixes(url: str) -> bool:
        try:
            refuse_mixed_evidence(context_at(url, tmp_path), made_at, by_emulator)
        except InvalidRequest:
            return False
        return True

    with RawServer(reply({}, 404)) as forwarder:
        assert (mixes(emulator.base_url), mixes(forwarder.base_url)) == (with_emulator, with_forwarder)
