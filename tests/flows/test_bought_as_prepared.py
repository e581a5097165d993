"""What was checked and quoted is what is bought, whatever a link says later; each image is fetched once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from pictures import decoded, encoded
from PIL import Image
from rawserver import Exchange, RawServer, reply

from flows.cli import run
from footage.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

I2V = {"model": "wan2.6-i2v-flash", "duration": 2, "size": "1280*720", "audio": False}
COLORS = ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff")


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        allowed = {"WAN_VIDEO_ALLOW_PRIVATE_HOSTS": "1"}
        for name, value in {**environment(emulator, tmp_path / "out"), **allowed}.items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def pictures() -> Iterator[RawServer]:
    """Every answer is a picture of another colour."""
    colors = itertools.cycle(COLORS)

    def answer(exchange: Exchange) -> bool:
        picture = encoded(Image.new("RGB", (1280, 720), next(colors)))
        return reply(picture, headers={"Content-Type": "image/png"})(exchange)

    with RawServer(answer) as server:
        yield server


def link(pictures: RawServer, name: str) -> str:
    return pictures.base_url.removesuffix("/api/v1") + f"/{name}.png"


def bought_pictures(out: Path) -> dict[str, str]:
    """Colour of the first frame of each bought clip, by its prompt."""
    found: dict[str, str] = {}
    for receipt in out.glob("**/attempt-1/receipt.json"):
        folder = receipt.parents[1]
        prompt = json.loads((folder / "request.json").read_text())["request"]["prompt"]
        (image,) = folder.glob("reference-*.png")
        picture = decoded(image.read_bytes()).convert("RGB")
        found[prompt] = "#" + picture.tobytes()[:3].hex()
    return found


@pytest.mark.slow
def test_the_image_of_a_link_is_fetched_once_and_bought_as_it_was_then(
    emulator: Emulator, pictures: RawServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"--{name}={value}" for name, value in I2V.items() if name != "audio"]

    code = run(["generate", "--prompt", "a boat", "--reference-image", link(pictures, "a"), *options])

    assert code == 0, capsys.readouterr().err
    assert len(pictures.requests) == 1
    assert bought_pictures(tmp_path) == {"a boat": COLORS[0]}


@pytest.mark.slow
def test_the_images_of_a_board_are_those_that_its_price_was_for(
    emulator: Emulator,
    pictures: RawServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prefect_api: httpx.Client,
) -> None:
    shots = [
        {"id": name, "prompt": f"boat {name}", "reference_image": link(pictures, name)} for name in "abc"
    ]
    # What opens a link is nobody's who looks at the server.
    signed = f"{shots[2].pop('reference_image')}?Expires=1999999999&Signature=c2lnbmF0dXJlLW9mLWE"
    board = tmp_path / "board.json"
    board.write_text(
        json.dumps({"schema": "wan-video/storyboard/1", "title": "T", "defaults": I2V, "shots": shots})
    )

    said = f"c.reference_image={signed}"

    assert run(["storyboard", str(board), "--json", "--set", said]) == 0, capsys.readouterr().err

    assert sorted(request.target[:6] for request in pictures.requests) == ["/a.png", "/b.png", "/c.png"]
    runs = prefect_api.post("/flow_runs/filter", json={}).json()
    (mapping,) = [
        one["parameters"]["mapping"] for one in runs if one["parameters"].get("board") == str(board)
    ]
    assert mapping["set"]["c"].keys() == {"reference_image"}
    assert "c2lnbmF0dXJlLW9mLWE" not in json.dumps(runs)
    first = dict(zip([request.target[1] for request in pictures.requests], COLORS, strict=False))
    assert bought_pictures(tmp_path) == {f"boat {name}": color for name, color in first.items()}
