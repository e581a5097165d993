"""`--emulator`: the local stand-in instead of the provider, for this command and the next ones.

The first command starts it, and it stays for the others: those that run at the same time, and the one that
finishes what this one leaves. Its state is kept, so it makes no difference to them when it ends in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.say import tell
from footage.errors import FootageError, InvalidRequest, Problem, StorageProblem

if TYPE_CHECKING:
    from footage.emulator import CannotStart

# A clip of a minute and a half is ready in under five seconds.
SPEED = 20.0
IDLE_S = 600.0
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
    """Within this block the environment points at a running emulator and at output of its own.

    Raises:
        StorageProblem: The emulator cannot keep its state.
    """
    if not wanted:
        yield
        return
    from footage.emulator import CannotStart, Emulator, standing
    from footage.settings import load_settings

    # Broken settings are told before an emulator is started for them.
    load_settings()
    output = below(os.environ.get("OUTPUT_DIR") or "output")
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(standing(state_folder(output), SPEED, IDLE_S))
        except CannotStart as error:
            raise refusal(error, "set OUTPUT_DIR to a folder that can be written") from None
        pace = {name: value for name, value in _PACE.items() if name not in os.environ}
        place = {"DASHSCOPE_HTTP_BASE_URL": url, "DASHSCOPE_API_KEY": Emulator.api_key, "OUTPUT_DIR": output}
        if public := os.environ.get("WAN_VIDEO_PUBLIC_BASE_URL"):
            place["WAN_VIDEO_PUBLIC_BASE_URL"] = below(public)
        stack.enter_context(_environment(pace | place))
        tell(f"Emulator at {url}: nothing is bought, and every frame says EMULATED.", "dim")
        yield


def below(output: str) -> str:
    """The folder or URL of emulated clips below that of the others."""
    # memory:// is a whole URL, so its slashes stay.
    return f"{output}emulated" if output.endswith("/") else f"{output}/emulated"


def state_folder(output: str) -> Path:
    """Where the emulator keeps what belongs to this output: beside the clips, or here if they are elsewhere."""
    if "://" not in output:
        return Path(output).expanduser().absolute() / ".emulator"
    # The home that the local Prefect server has, too.
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    return home / "wan-video-emulator" / hashlib.sha256(output.encode()).hexdigest()[:16]


def refusal(error: CannotStart, next_step: str) -> FootageError:
    """What `error` means to whoever typed the command."""
    problem = Problem(error.option, error.value, error.why)
    if error.option == "state":
        return StorageProblem(f"The emulator does not start: {problem}", next_step=next_step)
    return InvalidRequest(f"The emulator does not start: {problem}", problems=(problem,), next_step=next_step)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
