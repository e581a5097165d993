"""`wan-video generate` from the outside: the real flow, a real Prefect server, and a provider of another make."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreignprovider import KEY, ForeignProvider
from pictures import picture

from flows.cli import run
from footage.catalogue import MODEL_NAMES, card

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.fixture
def provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any
) -> Iterator[ForeignProvider]:
    """A provider, and an environment as a user of it has."""
    with ForeignProvider(tmp_path) as provider:
        for name, value in {
            "DASHSCOPE_HTTP_BASE_URL": provider.base_url,
            "DASHSCOPE_API_KEY": KEY,
            "OUTPUT_DIR": str(tmp_path / "out"),
            "WAN_VIDEO_POLL_MIN_S": "0.05",
            "WAN_VIDEO_POLL_MAX_S": "0.1",
            # It is not the emulator, so its results come from nowhere unless it is said.
            "WAN_VIDEO_RESULT_HOSTS": '["127.0.0.1"]',
        }.items():
            monkeypatch.setenv(name, value)
        yield provider


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "first.png"
    path.write_bytes(picture(640, 360))
    return str(path)


def _request(model: str, image: str) -> dict[str, Any]:
    known = card(model)
    request: dict[str, Any] = {
        "model": model,
        "prompt": f"A kite over {model}",
        "size": min(known.sizes, key=lambda size: int(size.split("*")[0])) if known.sizes else "832*480",
        "seed": 11,
    }
    if known.kind == "i2v":
        request["reference_image"] = image
    if known.sends_duration:
        request["duration"] = 5
    return request


def _response(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_all_seven_models_work_with_a_provider_of_another_make(
    provider: ForeignProvider, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, model in enumerate(MODEL_NAMES):
        request = tmp_path / "request.json"
        request.write_text(json.dumps({**_request(model, image), "motion_strength": 0.7}))

        assert run(["generate", str(request), "--json"]) == 0

        response = _response(capsys)
        assert (response["model"], response["seed"], response["cached"]) == (model, 11, False)
        assert response["duration"] == pytest.approx(5, abs=0.1)
        assert Path(response["video_url"].removeprefix("file://")).stat().st_size == response["size_bytes"]
        _assert_clean(provider.bodies[number], model)
        _assert_redacted(tmp_path / "out")
    assert len(provider.bodies) == len(MODEL_NAMES)
    assert set(provider.keys_sent_for_results) == {None}


def _assert_clean(body: dict[str, Any], model: str) -> None:
    """Nothing of ours that the provider does not know, and nothing empty."""
    known = card(model)
    parameters = body["parameters"]
    assert body["model"] == model
    assert not {"fps", "motion_strength"} & (parameters.keys() | body["input"].keys())
    assert None not in (*parameters.values(), *body["input"].values())
    assert ("size" in parameters) == (known.kind == "t2v")
    assert ("resolution" in parameters) == (known.kind == "i2v")
    assert ("duration" in parameters) == known.sends_duration


def _assert_redacted(output: Path) -> None:
    polls = list(output.rglob("polls.jsonl"))
    assert polls
    for path in polls:
        text = path.read_text()
        assert "SUCCEEDED" in text
        assert "PENDING" in text
        assert "hush" not in text
        assert "LTAIforeign" not in text
    for path in output.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes()


def test_the_same_request_again_is_answered_from_the_store_without_any_call(
    provider: ForeignProvider, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "generate",
        "--json",
        "--prompt",
        "A kite",
        "--model",
        "wan2.2-t2v-plus",
        "--size",
        "832*480",
    ]
    assert run(arguments) == 0
    first = _response(capsys)
    looks = dict(provider.looks)

    assert run(arguments) == 0

    assert _response(capsys) == {**first, "cached": True}
    assert (len(provider.bodies), provider.looks) == (1, looks)


def test_five_mistakes_get_one_answer_that_names_all_five_and_nothing_is_sent(
    provider: ForeignProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = [
        "--model",
        "wan2.6-i2v",
        "--duration",
        "99",
        "--size",
        "1280x720",
        "--seed",
        "-1",
        "--fps",
        "0",
    ]

    assert run(["generate", "--prompt", "A kite", *mistakes]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert all(
        field in told.err
        for field in ("duration = 99", "1280x720", "seed = -1", "fps = 0", "reference_image")
    )
    assert "Traceback" not in told.err
    assert (provider.bodies, provider.looks) == ([], {})


def test_a_key_that_is_refused_ends_with_code_3_before_anything_is_bought(
    provider: ForeignProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-somebody-else")

    code = run(["generate", "--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"])

    told = capsys.readouterr()
    assert (code, told.out, provider.bodies) == (3, "", [])
    assert "sk-of-somebody-else" not in told.err
    assert "Paid: nothing.\n" in told.err


def test_a_dry_run_shows_the_exact_body_and_stores_nothing(
    provider: ForeignProvider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--seed", "3"]

    assert run(["generate", *arguments, "--dry-run", "--json"]) == 0

    shown = _response(capsys)
    assert shown["wire"] == {
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": "A kite"},
        "parameters": {"size": "832*480", "seed": 3, "prompt_extend": True, "watermark": False},
    }
    assert not (tmp_path / "out").exists()
    assert provider.bodies == []


def test_a_request_comes_from_stdin_and_a_flag_beats_it(
    provider: ForeignProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {"model": "wan2.2-t2v-plus", "size": "832*480", "prompt": "A kite", "seed": 3}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))

    assert run(["generate", "-", "--seed", "4", "--dry-run", "--json"]) == 0

    assert _response(capsys)["wire"]["parameters"]["seed"] == 4
