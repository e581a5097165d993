"""A second, much smaller speaker of the provider's protocol, so that the emulator is not the only witness.

Written from Model Studio's API references (text-to-video, image-to-video, manage asynchronous tasks; read
2026-11) with nothing of the emulator: no queue, no faults, every task succeeds at the third look.
"""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clips import make_clip

KEY = "sk-0123456789abcdef0123456789abcdef"


class ForeignProvider:
    """Runs in threads of this process; `bodies` are the creates as received, in order."""

    def __init__(self, folder: Path) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.looks: dict[str, int] = {}
        self.folder = folder
        self.keys_sent_for_results: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/api/v1"

    def __enter__(self) -> ForeignProvider:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clip_of(self, number: int) -> bytes:
        """The MP4 for the n-th create, of the length and size that it asked for."""
        body = self.bodies[number]
        path = self.folder / f"{number}.mp4"
        if not path.exists():
            parameters = body["parameters"]
            size = parameters.get(
                "size", "1280*720" if parameters.get("resolution") == "720P" else "1920*1072"
            )
            width, height = map(int, size.split("*"))
            make_clip(
                path, size=(width, height), fps=30, seconds=parameters.get("duration", 5), picture="still"
            )
        return path.read_bytes()


class _Handler(BaseHTTPRequestHandler):
    provider: ForeignProvider
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self._answer(401, {"code": "InvalidApiKey", "message": "Invalid API-key provided."})
            return None
        if self.headers["X-DashScope-Async"] != "enable":
            return self._answer(
                403, {"code": "AccessDenied", "message": "does not support synchronous calls."}
            )
        task_id = str(uuid.uuid4())
        self.provider.bodies.append(body)
        self.provider.looks[task_id] = 0
        self._answer(200, {"output": {"task_status": "PENDING", "task_id": task_id}})
        return None

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.rstrip("/")
        if path.endswith(".mp4"):
            self.provider.keys_sent_for_results.append(self.headers["Authorization"])
            return self._clip(int(path.rsplit("/", 1)[1].removesuffix(".mp4")))
        if path == "/api/v1/tasks":
            return self._answer(200, {"total": 0, "data": [], "total_page": 0, "page_no": 1, "page_size": 1})
        if path == "/api/v1/models":
            return self._answer(200, {"output": {"models": []}})
        if not path.startswith("/api/v1/tasks/"):
            return self._answer(404, {"code": "NotFound"})
        return self._task(path.rsplit("/", 1)[1])

    def _task(self, task_id: str) -> None:
        looks = self.provider.looks[task_id] = self.provider.looks[task_id] + 1
        output: dict[str, Any] = {
            "task_id": task_id,
            "task_status": ("PENDING", "RUNNING", "SUCCEEDED")[min(looks, 3) - 1],
        }
        answer: dict[str, Any] = {"output": output}
        if looks >= 3:
            number = list(self.provider.looks).index(task_id)
            body = self.provider.bodies[number]
            host = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[attr-defined]
            output["video_url"] = (
                f"{host}/{number}.mp4?Expires=4102444800&OSSAccessKeyId=LTAIforeign&Signature=hush%3D"
            )
            output["orig_prompt"] = body["input"]["prompt"]
            answer["usage"] = {"video_duration": body["parameters"].get("duration", 5), "video_count": 1}
        self._answer(200, answer)

    def _clip(self, number: int) -> None:
        data = self.provider.clip_of(number)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps({"request_id": str(uuid.uuid4()), **document}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
