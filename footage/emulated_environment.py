"""The local stand-in instead of the provider, for a command with `--emulator` and for a deployed run like that.

The first one starts it, and it stays for the others: those that run at the same time, and the one that
finishes what this one leaves. Its state is kept, so it makes no difference to them when it ends in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from footage.errors import FootageError, InvalidRequest, Problem, StorageProblem
from footage.settings import ROOM, load_settings

if TYPE_CHECKING:
    from footage.emulator import CannotStart

# The stand-in's own key. Itself it is loaded where it is used: a run that buys has no need of it.
EMULATOR_KEY = "sk-emulator"

# A clip of a minute and a half is ready in under five seconds.
SPEED = 20.0
IDLE_S = 600.0
# The setting of a deployed run that is to use the emulator.
WANTED = "WAN_VIDEO_EMULATOR"
# The name of each flow's deployment of that kind.
EMULATED_DEPLOYMENT = "emulated"
# Set where the user set nothing: the provider's pace would make a fast stand-in look slow.
_PACE = {
    "WAN_VIDEO_POLL_MIN_S": "0.5",
    "WAN_VIDEO_POLL_MAX_S": "2",
    "WAN_VIDEO_REPAIR_POLL_S": "5",
    "WAN_VIDEO_RECONCILE_GRACE_S": "3",
    "WAN_VIDEO_LEASE_S": "15",
    "WAN_VIDEO_QUERIES_PER_SECOND": "200",
    "WAN_VIDEO_ALLOW_PRIVATE_HOSTS": "1",
}


@contextlib.contextmanager
def emulated() -> Generator[str]:
    """Within this block the environment points at a running emulator and at output of its own; gives its URL.

    Raises:
        StorageProblem: The emulator cannot keep its state.
    """
    from footage.emulator import CannotStart, shared_emulator

    # Broken settings are told before an emulator is started for them.
    load_settings()
    output = output_of_emulated()
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(shared_emulator(state_folder(output), SPEED, IDLE_S))
        except CannotStart as error:
            raise refusal(error, "set OUTPUT_DIR to a folder that can be written") from None
        pace = {name: value for name, value in _PACE.items() if name not in os.environ}
        place = {
            "DASHSCOPE_HTTP_BASE_URL": url,
            "DASHSCOPE_API_KEY": EMULATOR_KEY,
            "OUTPUT_DIR": output,
            # What is wanted is there; a flow that runs in this block looks for it, too.
            WANTED: "0",
        }
        if public := os.environ.get("WAN_VIDEO_PUBLIC_BASE_URL"):
            place["WAN_VIDEO_PUBLIC_BASE_URL"] = below(public)
        stack.enter_context(environment(pace | place))
        yield url


def emulator_key_given() -> bool:
    """Whether the environment's key is the emulator's, so that no other one may be sent there."""
    return os.environ.get("DASHSCOPE_API_KEY") == EMULATOR_KEY


def emulated_here() -> bool:
    """Whether this is within a block of `emulated`."""
    return emulator_key_given() and os.environ.get(WANTED) == "0"


def output_of_emulated() -> str:
    """Where the clips of the emulator go."""
    return below(os.environ.get("OUTPUT_DIR") or "output")


def below(output: str) -> str:
    """The folder or URL of emulated clips below that of the others."""
    # memory:// is a whole URL, so its slashes stay.
    return f"{output}emulated" if output.endswith("/") else f"{output}/emulated"


def base_of_emulated(output: str) -> str:
    """The folder or URL that these emulated clips are below."""
    base = output.removesuffix("emulated")
    return base if base.endswith("://") else base.removesuffix("/")


def state_folder(output: str) -> Path:
    """Where the emulator keeps what belongs to this output: beside the clips, or here if they are elsewhere."""
    if "://" not in output:
        return Path(output).expanduser().absolute() / ".emulator"
    # The home that the local Prefect server has, too.
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    return home / "wan-video-emulator" / hashlib.sha256(output.encode()).hexdigest()[:16]


def remove_output() -> list[str]:
    """Stop the emulator of this output and delete what it knows and what it made; the folders that are gone.

    Clips in a bucket are left: they are below emulated/ there, which no other run looks into.

    Raises:
        StorageProblem: Something cannot be deleted.
    """
    from footage.emulator import stop_shared_emulator

    output = output_of_emulated()
    state = state_folder(output)
    stop_shared_emulator(state)
    clips = [] if "://" in output else [Path(output).expanduser().absolute() / ROOM]
    gone = [folder for folder in (state, *clips) if folder.exists()]
    try:
        for folder in gone:
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageProblem(f"{error.filename} cannot be deleted: {error.strerror}") from None
    # Where nothing else is in it.
    with contextlib.suppress(OSError):
        state.parent.rmdir()
    return [str(folder) for folder in gone]


def refusal(error: CannotStart, next_step: str) -> FootageError:
    """What `error` means to whoever typed the command."""
    problem = Problem(error.option, error.value, error.why)
    if error.option == "state":
        return StorageProblem(f"The emulator does not start: {problem}", next_step=next_step)
    return InvalidRequest(f"The emulator does not start: {problem}", problems=(problem,), next_step=next_step)


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Generator[None]:
    """Within this block the environment has these values, too; afterwards it is as it was."""
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
