"""What a person can do next, as data: whoever shows it writes the command with the flags of that call, or a button."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from footage.privacy.display import plain
from footage.privacy.redact import redact


@dataclass(frozen=True)
class Rerun:
    """Go on with the clip of this key."""

    key: str
    retry_failed: bool = False
    buy_again: bool = False


@dataclass(frozen=True)
class AdoptTask:
    """Say which of the provider's tasks an unknown submission became; None: the person looks it up."""

    key: str
    task_id: str | None = None


@dataclass(frozen=True)
class Harvest:
    """Finish everything that was bought."""


@dataclass(frozen=True)
class Wait:
    """Wait until a clip that another process makes has its end."""

    key: str


@dataclass(frozen=True)
class Verify:
    """Name everything about this clip that does not fit; None: about all clips."""

    key: str | None = None


@dataclass(frozen=True)
class ResumeBuying:
    """Let clips of this store be bought again."""


@dataclass(frozen=True)
class Spending:
    """List what was spent."""


@dataclass(frozen=True)
class Setup:
    """Make what is missing on the Prefect server, and the blocks of these names."""

    credentials_block: str | None = None
    storage_block: str | None = None


@dataclass(frozen=True)
class Approve:
    """Say yes to the price that this run waits with."""

    run_id: str


@dataclass(frozen=True)
class ReadBoard:
    """Read a board again with these options."""

    board: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pick:
    """Say which take of a shot is used; the board by its file or by the name of its folder."""

    board: str
    shot: str
    take: str


@dataclass(frozen=True)
class Keep:
    """Call a take good."""

    board: str
    shot: str
    take: str


@dataclass(frozen=True)
class Reject:
    """Say that a take is not to be used."""

    board: str
    shot: str
    take: str


# In the place of the file of a board, where only its folder in the store is known.
BOARD_FILE = "BOARD_FILE"


@dataclass(frozen=True)
class Retake:
    """Ask for a further take of a shot; where there is no note, the person says what to change."""

    # Its file: what is kept of it in a store has no secrets, which a request may need.
    board: str
    shot: str
    take: str
    note: str = "TEXT"
    prompt: str | None = None
    seed: int | None = None
    by: str | None = None


Action = (
    Rerun
    | AdoptTask
    | Harvest
    | Wait
    | Verify
    | ResumeBuying
    | Spending
    | Setup
    | Approve
    | ReadBoard
    | Pick
    | Keep
    | Reject
    | Retake
)
# Those that look for clips need to be told where they are.
_ABOUT_TAKES = (Pick, Keep, Reject, Retake)
_ABOUT_CLIPS = (Rerun, AdoptTask, Harvest, Wait, Verify, ResumeBuying, Spending, ReadBoard, *_ABOUT_TAKES)
# The others ask the provider nothing, and their commands know no such option.
_ASK_PROVIDER = (Rerun, AdoptTask, Harvest, ReadBoard, Retake)


def command(action: Action, flags: Sequence[str] = ()) -> str:
    """The command line for an action, with the `flags` that say where this call's clips are."""
    words = ["wan-video", *_words(action)]
    if isinstance(action, _ABOUT_CLIPS):
        asks = isinstance(action, _ASK_PROVIDER)
        words[2:2] = [flag for flag in flags if asks or not flag.startswith("--credentials-block")]
    return " ".join(words)


def _words(action: Action) -> list[str]:
    match action:
        case Rerun(key, retry_failed, buy_again):
            permissions = ["--retry-failed"] * retry_failed + ["--buy-again"] * buy_again
            return ["generate", "--key", key, *permissions]
        case AdoptTask(key, task_id):
            return ["adopt", key, task_id or "TASK_ID"]
        case Harvest():
            return ["harvest"]
        case Wait(key):
            return ["wait", key]
        case Verify(key):
            return ["verify", key or "--all"]
        case ResumeBuying():
            return ["resume-buying"]
        case Spending():
            return ["spending"]
        case Setup(credentials_block, storage_block):
            blocks = {"--credentials-block": credentials_block, "--storage-block": storage_block}
            return ["setup", *(typed(option, name) for option, name in blocks.items() if name is not None)]
        case Approve(run_id):
            return ["storyboard", "--approve", run_id]
        case Pick(board, shot, take):
            return ["pick", *map(shlex.quote, (board, shot, take))]
        case Keep(board, shot, take):
            return ["keep", *map(shlex.quote, (board, shot, take))]
        case Reject(board, shot, take):
            return ["reject", *map(shlex.quote, (board, shot, take))]
        case Retake():
            return _retake(action)
        case ReadBoard(board, options):
            return ["storyboard", shlex.quote(board), *_typed_pairs(options)]


def _retake(retake: Retake) -> list[str]:
    fields = {"note": retake.note, "prompt": retake.prompt, "seed": retake.seed, "by": retake.by}
    options = [typed(f"--{name}", str(value)) for name, value in fields.items() if value is not None]
    return ["retake", *map(shlex.quote, (retake.board, retake.shot, retake.take)), *options]


def _typed_pairs(options: Sequence[str]) -> list[str]:
    if len(options) % 2:
        return list(options)
    return [typed(*pair) for pair in zip(options[::2], options[1::2], strict=True)]


def typed(option: str, value: str) -> str:
    """An option as a shell takes it; `--map=-x=y` where the value would be taken for an option itself."""
    return f"{option}={shlex.quote(value)}" if value.startswith("-") else f"{option} {shlex.quote(value)}"


@dataclass(frozen=True)
class NextStep:
    """A sentence: words, and actions where a command stands."""

    parts: tuple[str | Action, ...]

    @classmethod
    def of(cls, *parts: str | Action) -> NextStep:
        return cls(parts)

    def written(self, write: Callable[[Action], str] = command) -> str:
        """The sentence, with each action as `write` puts it; nothing secret and nothing that acts on a terminal."""
        return showable("".join(part if isinstance(part, str) else write(part) for part in self.parts))

    def __str__(self) -> str:
        return self.written()


def showable(text: str) -> str:
    """Without secrets and control characters; a name from a stranger may hold half of a character."""
    return plain(redact(text)).encode(errors="backslashreplace").decode()
