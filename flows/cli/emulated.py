"""`--emulator`: the local stand-in instead of the provider, for this command and the next ones.

It keeps its port and its state in the output folder, so that a clip that one command leaves unfinished is
finished by another.
"""

from __future__ import annotations

import contextlib
import os
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path

from flows.cli.say import tell

# A clip of a minute and a half is ready in under five seconds.
SPEED = 20.0
# Set where the user set nothing: the provider's pace would make a fast stand-in look slow.
_PACE = {
    "WAN_VIDEO_POLL_MIN_S": "0.5",
    "WAN_VIDEO_POLL_MAX_S": "2",
    "WAN_VIDEO_RECONCILE_GRACE_S": "3",
    "WAN_VIDEO_LEASE_S": "15",
    "WAN_VIDEO_QUERIES_PER_SECOND": "200",
    "WAN_VIDEO_ALLOW_PRIVATE_HOSTS": "1",
}


@contextlib.contextmanager
def emulated(wanted: bool = True) -> Generator[None]:
    """Within this block the environment points at a running emulator and at output of its own."""
    if not wanted:
        yield
        return
    from footage.emulator import Emulator

    base = Path(os.environ.get("OUTPUT_DIR", "output")).expanduser() / "emulated"
    state = base / ".emulator"
    state.mkdir(parents=True, exist_ok=True)
    port_file = state / "port"
    port = int(port_file.read_text()) if port_file.exists() else 0
    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{port}/api/v1"
        if not (port and _answers(url)):
            emulator = stack.enter_context(Emulator(port=port, speed=SPEED, state_dir=state))
            url = emulator.base_url
            port_file.write_text(url.rsplit(":", 1)[1].split("/")[0])
        before = dict(os.environ)
        os.environ |= {name: value for name, value in _PACE.items() if name not in os.environ}
        os.environ |= {
            "DASHSCOPE_HTTP_BASE_URL": url,
            "DASHSCOPE_API_KEY": Emulator.api_key,
            "OUTPUT_DIR": str(base),
        }
        tell(f"Emulator at {url}: nothing is bought, and every frame says EMULATED.", "dim")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ |= before


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url.removesuffix('/api/v1')}/_emulator/ledger", timeout=2) as answer:  # noqa: S310
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
