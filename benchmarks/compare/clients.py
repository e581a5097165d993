"""The clients that are compared, each a process of its own, so that none has the other's imports or event loop.

    python clients.py NAME JSON

JSON has `base_url`, `api_key`, `model`, `size`, `prompts`, `folder` and, for many clips, `at_once`. Prints one line of
JSON: when the last clip was in `folder` (`stored_at`, seconds since 1970) and how many came (`delivered`).

What a script does about an error is what people write: three tries for whatever the SDK raises or answers with 5xx.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TRIES, BETWEEN_TRIES_S = 3, 2.0


class TaskFailed(Exception):
    """The SDK came back without a video."""


def sdk(order: dict[str, Any]) -> None:
    """`VideoSynthesis.call` and a download, one clip after the other."""
    _point_sdk_at(order)
    from dashscope import VideoSynthesis

    for number, prompt in enumerate(order["prompts"]):

        def make(prompt: str = prompt) -> str:
            answer = VideoSynthesis.call(
                model=order["model"], prompt=prompt, size=order["size"], api_key=order["api_key"]
            )
            return _url_of(answer.output)

        with contextlib.suppress(Exception):
            url = _again(make)
            _download(url, Path(order["folder"]) / f"{number}.mp4")


def sdk_aio(order: dict[str, Any]) -> None:
    """`AioVideoSynthesis.call` for all clips, so many at once, in one asyncio script with a semaphore."""
    _point_sdk_at(order)
    from dashscope.aigc.video_synthesis import AioVideoSynthesis

    async def make(prompt: str) -> str:
        answer = await AioVideoSynthesis.call(
            model=order["model"], prompt=prompt, size=order["size"], api_key=order["api_key"]
        )
        return _url_of(answer.output)

    asyncio.run(_many(order, make))


def sdk_v2(order: dict[str, Any]) -> None:
    """The client of `dashscope.v2` as it comes."""
    from dashscope.v2.client import Client

    client = Client(api_key=order["api_key"], base_url=order["base_url"])
    for number, prompt in enumerate(order["prompts"]):
        with contextlib.suppress(Exception):
            job = client.videos.jobs.create(model=order["model"], prompt=prompt, size=order["size"])
            done = client.videos.jobs.wait(job)
            _download(_url_of(done.output), Path(order["folder"]) / f"{number}.mp4")


def ours(order: dict[str, Any]) -> None:
    """`wan-video generate` for one clip, `wan-video storyboard` for more."""
    folder = Path(order["folder"])
    environment = os.environ | {
        "OUTPUT_DIR": str(folder / "output"),
        "DASHSCOPE_HTTP_BASE_URL": order["base_url"],
        "DASHSCOPE_API_KEY": order["api_key"],
    }
    if len(order["prompts"]) == 1:
        what = [
            "generate",
            "--prompt",
            order["prompts"][0],
            "--model",
            order["model"],
            "--size",
            order["size"],
        ]
    else:
        board = folder / "board.json"
        shots = [{"id": f"s{n:03}", "prompt": prompt} for n, prompt in enumerate(order["prompts"], 1)]
        defaults = {"model": order["model"], "size": order["size"]}
        board.write_text(
            json.dumps(
                {
                    "schema": "wan-video/storyboard/1",
                    "title": "Compared",
                    "defaults": defaults,
                    "shots": shots,
                }
            )
        )
        what = ["storyboard", str(board)]
    command = [str(Path(sys.executable).with_name("wan-video")), *what]
    with (folder / "log.txt").open("w") as log:
        subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False)
    for video in (folder / "output").glob("*/videos/*.mp4"):
        if "original" not in video.name and len(video.stem) == 64:
            (folder / video.name).symlink_to(video)


CLIENTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "ours": ours,
    "sdk": sdk,
    "sdk aio": sdk_aio,
    "sdk v2": sdk_v2,
}


async def _many(order: dict[str, Any], make: Callable[[str], Awaitable[str]]) -> None:
    turns = asyncio.Semaphore(order.get("at_once", 5))

    async def one(number: int, prompt: str) -> None:
        async with turns:
            for tried in range(TRIES):
                try:
                    file = Path(order["folder"]) / f"{number}.mp4"
                    await asyncio.to_thread(_download, await make(prompt), file)
                    break
                except Exception:
                    if tried < TRIES - 1:
                        await asyncio.sleep(BETWEEN_TRIES_S)

    await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(order["prompts"])))


def _again(make: Callable[[], str]) -> str:
    for _ in range(TRIES - 1):
        try:
            return make()
        except Exception:
            time.sleep(BETWEEN_TRIES_S)
    return make()


def _url_of(output: Any) -> str:
    url = output.get("video_url") if output else None
    if not url:
        raise TaskFailed(output)
    return str(url)


def _download(url: str, file: Path) -> None:
    with urllib.request.urlopen(url) as body:
        file.write_bytes(body.read())


def _point_sdk_at(order: dict[str, Any]) -> None:
    import dashscope

    dashscope.base_http_api_url = order["base_url"]


def run(name: str, order: dict[str, Any]) -> dict[str, Any]:
    """Start a client and wait for it; what it printed."""
    folder = Path(order["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, __file__, name, json.dumps(order)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    name, order = sys.argv[1], json.loads(sys.argv[2])
    # Nobody asks what the libraries say meanwhile.
    with contextlib.redirect_stdout(sys.stderr):
        CLIENTS[name](order)
    # When the last one got its name, which is not when it was written: ours is checked first.
    named_at = [file.stat().st_ctime for file in Path(order["folder"]).glob("*.mp4")]
    print(json.dumps({"stored_at": max(named_at, default=0), "delivered": len(named_at)}))


if __name__ == "__main__":
    main()
