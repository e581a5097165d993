"""The review app over real HTTP, and a browser's part in it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from footage.context import Context
from footage.review.purchases import QuotedRetake
from footage.review.review_server import serve_review
from footage.review.reviewed_boards import BoardFile, ReviewedBoards
from footage.storyboard.read.settlement import settle
from footage.storyboard.retake_wish import RetakeWish


@dataclass
class Started:
    """A command that would be started, for tests that are not about what it does."""

    wish: RetakeWish
    quoted: QuotedRetake
    code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def error(self) -> str | None:
        return "the provider refused it" if self.code else None


@dataclass
class App:
    """A running app: its address for the first browser, and what it started."""

    address: str
    started: list[Started] = field(default_factory=list[Started])

    @property
    def origin(self) -> str:
        return str(httpx.URL(self.address).copy_with(path="/", query=None)).rstrip("/")

    @contextlib.contextmanager
    def stranger(self) -> Generator[httpx.Client]:
        """Somebody without an invitation."""
        with httpx.Client(base_url=self.origin, timeout=30, trust_env=False) as client:
            yield client


@contextlib.contextmanager
def served(context: Context, board: Path | None, **caps: float) -> Generator[App]:
    """The app of this board's file, in a thread of its own."""
    file = None if board is None else BoardFile(str(board), None, settle((), ()), caps)
    boards = ReviewedBoards(context, file, lambda action: f"wan-video … {action}")
    addresses: queue.Queue[str] = queue.Queue()
    app = App("")
    tasks: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = queue.Queue()

    def start(_: BoardFile, wish: RetakeWish, quoted: QuotedRetake) -> Started:
        app.started.append(Started(wish, quoted))
        return app.started[-1]

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.put((asyncio.get_running_loop(), task))
        with contextlib.suppress(asyncio.CancelledError):
            await serve_review(
                context, boards, start, host="127.0.0.1", port=0, reviewer="ana", on_ready=addresses.put,
                write=lambda action: f"wan-video … {action}",
            )  # fmt: skip

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        app.address = addresses.get(timeout=60)
        yield app
    finally:
        loop, task = tasks.get(timeout=60)
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


@contextlib.contextmanager
def entered(address: str) -> Generator[httpx.Client]:
    """A browser that opened a one-time address; its requests are those of the app's own pages."""
    origin = str(httpx.URL(address).copy_with(path="/", query=None)).rstrip("/")
    with httpx.Client(base_url=origin, timeout=30, trust_env=False, follow_redirects=True) as client:
        assert client.get(address).status_code == 200
        client.headers["Origin"] = origin
        yield client


def invited(client: httpx.Client) -> str:
    """An address for one more browser."""
    return str(client.post("/api/invitations", json={}).json()["address"])


def document(client: httpx.Client, board: str = "Film") -> dict[str, Any]:
    """What the page shows of a board."""
    return dict(client.get(f"/api/boards/{board}").json())
