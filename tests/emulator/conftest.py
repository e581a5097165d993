"""A running emulator, and a raw HTTP client that knows its paths but none of our code."""

import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from footage.emulator import Emulator


class Api:
    """The service's HTTP interface, spelled out: what a client without an SDK would send."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(base_url=emulator.base_url, timeout=20, trust_env=False)
        self.headers = {"Authorization": f"Bearer {emulator.api_key}"}

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def post(self, body: Any, **headers: str) -> httpx.Response:
        path = "/services/aigc/video-generation/video-synthesis"
        return self.http.post(
            path, json=body, headers={**self.headers, "X-DashScope-Async": "enable", **headers}
        )

    def submit(
        self, model: str = "wan2.2-t2v-plus", prompt: str = "a cat", size: str = "832*480", **more: Any
    ) -> httpx.Response:
        return self.post({"model": model, "input": {"prompt": prompt}, "parameters": {"size": size, **more}})

    def create(self, *args: Any, **kwargs: Any) -> str:
        return self.submit(*args, **kwargs).raise_for_status().json()["output"]["task_id"]

    def create_i2v(self, image: str, model: str = "wan2.6-i2v-flash", **parameters: Any) -> str:
        body = {"model": model, "input": {"prompt": "a cat", "img_url": image}, "parameters": parameters}
        headers = {"X-DashScope-OssResourceResolve": "enable"} if image.startswith("oss://") else {}
        return self.post(body, **headers).raise_for_status().json()["output"]["task_id"]

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query, headers=self.headers)

    def query(self, task_id: str) -> dict[str, Any]:
        return self.get(f"/tasks/{task_id}").raise_for_status().json()["output"]

    def cancel(self, task_id: str) -> httpx.Response:
        return self.http.post(f"/tasks/{task_id}/cancel", headers=self.headers)

    def finish(self, task_id: str) -> dict[str, Any]:
        """Jump through time until the task is over; only rendering takes real time."""
        deadline, jumps = time.monotonic() + 30, 0
        while time.monotonic() < deadline:
            # Not beyond the 24 hours, however long the rendering takes here.
            if (jumps := jumps + 1) < 100:
                self.emulator.advance(400)
            output = self.query(task_id)
            if output["task_status"] not in ("PENDING", "RUNNING"):
                return output
            time.sleep(0.02)
        raise AssertionError(f"task {task_id} did not end")


@pytest.fixture(scope="session")
def make_api() -> type[Api]:
    return Api


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Without limits and with cheap clips; tests about either start their own."""
    with Emulator(rate_limits=False, concurrency=1000, render="tiny") as running:
        yield running


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Iterator[Api]:
    with Api(emulator) as client:
        yield client


@pytest.fixture
def clean(emulator: Emulator) -> Iterator[None]:
    """No fault of one test strikes another."""
    emulator.clear_faults()
    yield
    emulator.clear_faults()


def picture(width: int = 640, height: int = 360, mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A picture with different corners, so that moves and flips show."""
    image = Image.linear_gradient("L").resize((width, height))
    colour = Image.merge("RGB", (image, image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), image.rotate(90)))
    colour.paste((250, 40, 40), (width // 8, height // 8, width // 3, height // 3))
    colour.paste((20, 60, 250), (width // 2, height // 3, width * 3 // 4, height * 2 // 3))
    stream = io.BytesIO()
    colour.convert(mode).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def make_picture() -> Any:
    return picture
