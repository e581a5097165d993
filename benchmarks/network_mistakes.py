"""What a wrong address, a broken network or a proxy does to `wan-video`: seconds until a word and the end.

Prints a table as Markdown. The longest silence is the one after the first word, between any two and to the end, on a
terminal (TERMINAL=1) or in a pipe; before the first word, Python starts.
"""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from proxies import Proxy
from rawserver import RawServer, reply

from footage.emulator import Emulator

WAN_VIDEO = Path(sys.executable).with_name("wan-video")
GENERATE = ["generate", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "A paper boat"]
BOARD = {
    "schema": "wan-video/storyboard/1",
    "title": "Boats",
    "shots": [{"id": "a", "prompt": "A paper boat", "model": "wan2.2-t2v-plus", "size": "832*480"}],
}
# A Prefect server of the machine's own is started by whatever needs one.
OTHERS: dict[str, list[str]] = {"storyboard": ["board.json"], "harvest": [], "doctor": [], "validate": []}
AT_ONCE = int(os.environ.get("AT_ONCE", "2"))


@dataclass
class Case:
    """One network, as environment variables over a clean environment."""

    name: str
    environment: dict[str, str]
    command: list[str] = field(default_factory=lambda: list(GENERATE))


def measured(case: Case) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as out:
        # What every row has, unless the row says otherwise.
        given = {"DASHSCOPE_API_KEY": "sk-emulator", "OUTPUT_DIR": out, "WAN_VIDEO_POLL_MIN_S": "0.2"}
        (Path(out) / "board.json").write_text(json.dumps(BOARD))
        ours, theirs = pty.openpty() if os.environ.get("TERMINAL") else os.pipe()
        process = subprocess.Popen(
            [WAN_VIDEO, *case.command],
            env={**os.environ, **given, **case.environment},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd=out,
        )
        os.close(theirs)
        began_s = last_s = time.monotonic()
        first_s, silence_s, said = None, 0.0, b""
        while piece := _read(ours):
            now_s = time.monotonic()
            if first_s is None:
                first_s = now_s - began_s
            else:
                silence_s = max(silence_s, now_s - last_s)
            last_s = now_s
            said += piece
        silence_s = max(silence_s, time.monotonic() - last_s)
        os.close(ours)
        code = process.wait()
        end_s = time.monotonic() - began_s
    # The error comes last, with its next step and what was paid.
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    words = next(
        (line for line in lines if line.startswith(("  - ", "Unreach", "Account", "Unanswered"))), lines[-1]
    )
    return f"| {case.name} | {first_s or 0:.1f} | {silence_s:.1f} | {end_s:.1f} | {code} | {words.strip()[:110]} |"


def _read(descriptor: int) -> bytes:
    """The next piece of what is said; nothing at its end."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # A terminal whose last process has gone.
        return b""


@contextmanager
def blackhole() -> Generator[int]:
    """A port of this machine on which no connection is ever taken."""
    with socket.socket() as listener, ExitStack() as full:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = full.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def main() -> None:
    base = "DASHSCOPE_HTTP_BASE_URL"
    html = reply(b"<!DOCTYPE html><html>Welcome</html>", headers={"Content-Type": "text/html"})
    gateway = reply(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"})
    names = {"far.example": "127.0.0.1"}
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(speed=200, render="tiny"))
        hole = stack.enter_context(blackhole())
        page, bad, nothing = (
            stack.enter_context(RawServer(answer)) for answer in (html, gateway, reply({}, 404))
        )
        http = stack.enter_context(Proxy(names=names))
        socks = stack.enter_context(Proxy("socks5", names=names))
        locked = stack.enter_context(Proxy(names=names, login="mia:right"))
        deaf = stack.enter_context(Proxy(silent=True))
        port = emulator.url.rpartition(":")[2]
        far = f"http://far.example:{port}/api/v1"
        results = {"WAN_VIDEO_RESULT_HOSTS": '["far.example", "127.0.0.1"]'}
        wrong = locked.url.replace("right", "wrong")
        cases = [
            Case("base address without /api/v1", {base: "https://dashscope.aliyuncs.com"}),
            Case(
                "base address with /compatible-mode/v1",
                {base: "https://dashscope.aliyuncs.com/compatible-mode/v1"},
            ),
            Case(
                "base address with the endpoint",
                {base: f"{emulator.base_url}/services/aigc/video-generation"},
            ),
            Case("name that does not exist", {base: "https://no-such-host.invalid/api/v1"}),
            Case("404", {base: nothing.base_url}),
            Case("HTML with 200", {base: page.base_url}),
            Case("proxy wants a password (407)", {base: far, "HTTP_PROXY": wrong}),
            Case(
                "proxy wants a password (407), https",
                {base: "https://far.example/api/v1", "HTTPS_PROXY": wrong},
            ),
            Case("no address of a proxy", {base: far, "HTTP_PROXY": "ftp://p:1"}),
            Case("S3 behind SOCKS alone", {base: far, "ALL_PROXY": socks.url, "OUTPUT_DIR": "s3://bucket/x"}),
            Case("HTTP proxy", {base: far, "HTTP_PROXY": http.url, **results}),
            Case("SOCKS proxy", {base: far, "ALL_PROXY": socks.url, **results}),
            Case("SOCKS proxy and --emulator", {"ALL_PROXY": socks.url}, [*GENERATE, "--emulator"]),
            Case("HTML with 502", {base: bad.base_url}),
            Case("refused connection", {base: "http://127.0.0.1:9/api/v1"}),
            Case("TLS failure", {base: emulator.base_url.replace("http:", "https:")}),
            Case("no connection is taken", {base: f"http://127.0.0.1:{hole}/api/v1"}),
            Case("proxy is down", {base: far, "HTTP_PROXY": "http://127.0.0.1:9"}),
            Case("proxy never answers", {base: far, "HTTP_PROXY": deaf.url}),
        ]
        cases += [
            Case(f"no connection is taken: {name}", {base: f"http://127.0.0.1:{hole}/api/v1"}, [name, *more])
            for name, more in OTHERS.items()
        ]
        wanted = os.environ.get("ONLY", "")
        print(
            "| network | first word s | longest silence s | end s | code | last word |\n|---|---|---|---|---|---|"
        )
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for row in pool.map(measured, [case for case in cases if wanted in case.name]):
                print(row, flush=True)


if __name__ == "__main__":
    main()
