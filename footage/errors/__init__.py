"""Everything that can go wrong, sorted by what the caller does next.

    FootageError
    ├── InvalidRequest          2    correct the request; nothing was sent
    ├── AccountProblem          3    mend key, permission, quota or balance; nothing was bought
    ├── ClipFailed              4    this clip will not come as asked; nothing more is owed for it
    │   ├── Refused             4    the provider did not accept the request; nothing was bought
    │   ├── GenerationFailed    4    the provider accepted it and failed; failed tasks are not billed
    │   ├── BadDelivery         4    what was delivered is not the video that was bought
    │   └── ClipLost            4    task or result are gone at the provider; it may have been billed
    ├── NotFinished             5    continue later with the command in `next_step`
    │   ├── Unreachable         8    the provider or the network does not answer; nothing was bought
    │   │   └── Unanswered      5    the same, and a clip is booked or may be: it stays so
    │   ├── Throttled           5    the provider asks to come back later
    │   ├── StillRunning        5    the deadline passed; the clip stays booked
    │   ├── TakenOver           5    another worker owns this clip now
    │   ├── Canceled            5    somebody cancelled the clip; what became of it is in the evidence
    │   └── SubmissionUnknown   5    it may have been bought; a person has to settle it
    ├── OverBudget              6    raise the cap or ask for less; nothing was bought
    │   └── BuyingStopped       6    somebody stopped all buying; nothing was bought
    └── StorageProblem          7    mend the store; what was bought is still at the provider for 24 h
        ├── NotThere            7    the object does not exist
        ├── NotAFile            7    a folder, pipe or device stands where the object belongs
        ├── AlreadyThere        7    somebody else created the object first
        └── BadRecord           7    a file of the evidence does not fit; nothing is done on its word

The number is the exit code of the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from footage.errors.actions import Action, NextStep, command, showable


class FootageError(Exception):
    """What every error of this project has: a message for a person and the next step to take.

    Keyword arguments are kept in `details` and survive pickling, because Prefect pickles exceptions.
    They are shown in logs and in the UI and must never hold a secret. What can be recognised as one is taken out
    of message and next step, because somebody may type a key where a name belongs; and so is what a terminal would
    act on, because file names and the provider's words are in them, too.
    """

    exit_code: ClassVar[int] = 1
    # Whether the same step may simply be tried again, with nothing changed.
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, next_step: NextStep | Action | str | None = None, **details: Any
    ) -> None:
        self.message = showable(message)
        self.next_step = _as_next_step(next_step)
        super().__init__(self.message)
        self.details = details

    @property
    def key(self) -> str | None:
        """Of the clip that it is about."""
        return self.details.get("key")

    @property
    def code(self) -> str | None:
        """The provider's own."""
        return self.details.get("code")

    def __str__(self) -> str:
        return self.written()

    def written(self, write: Callable[[Action], str] = command) -> str:
        """Message and next step, with each action as `write` puts it."""
        return f"{self.message}\n  → {self.next_step.written(write)}" if self.next_step else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.next_step, self.details)


def _as_next_step(given: NextStep | Action | str | None) -> NextStep | None:
    if given is None or isinstance(given, NextStep):
        return given
    return NextStep.of(given)


def _rebuild(
    kind: type[FootageError], message: str, next_step: NextStep | None, details: dict[str, Any]
) -> FootageError:
    return kind(message, next_step=next_step, **details)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request: which field, what it was, what is allowed, what to do."""

    field: str
    value: str
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        if not self.allowed:
            return f"{self.field} = {self.value}: {self.message}"
        return f"{self.field} = {self.value}: {self.message.rstrip('.')}. Allowed: {self.allowed}."


# A message is read, redacted and shown as a whole; `problems` has all of them.
MOST_LISTED = 1000


class InvalidRequest(FootageError):
    """The request cannot be sent as it is; `problems` names every field that is wrong, at once."""

    exit_code = 2

    def __init__(
        self,
        message: str | None = None,
        *,
        problems: tuple[Problem, ...] = (),
        next_step: NextStep | Action | str | None = None,
        **details: Any,
    ) -> None:
        if message is None:
            many = f"{len(problems)} problems" if len(problems) != 1 else "1 problem"
            lines = [f"\n  - {problem}" for problem in problems[:MOST_LISTED]]
            if len(problems) > MOST_LISTED:
                lines.append(f"\n  … and {len(problems) - MOST_LISTED:,} more")
            message = f"The request was refused here, nothing was sent ({many}):" + "".join(lines)
        super().__init__(message, next_step=next_step, problems=problems, **details)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.details["problems"]


class AccountProblem(FootageError):
    """Key, permission, workspace, quota or balance; `code` is the provider's, if it came from there."""

    exit_code = 3


class ClipFailed(FootageError):
    """This clip will not come as asked; `code` and `reason` are the provider's words where there are any."""

    exit_code = 4


class Refused(ClipFailed):
    """The provider answered the create with a final no: nothing was bought, repeating will not help."""


class GenerationFailed(ClipFailed):
    """The task ended as FAILED: not billed; `may_retry` says whether a new attempt can help."""


class BadDelivery(ClipFailed):
    """The delivered bytes are not a playable video of the kind that was bought; they were not stored."""


class ClipLost(ClipFailed):
    """Task or result no longer exist at the provider (both live 24 h); it may have been billed."""


class NotFinished(FootageError):
    """Not done yet, and nothing is lost: continue later."""

    exit_code = 5


class Unreachable(NotFinished):
    """No connection, or no readable answer to a question that is free to repeat; nothing was bought.

    `mistake` is set where the cause is rather a wrong address than an outage: "name" (it does not exist),
    "path" (404), "page" (HTML instead of an answer) or "proxy" (407: it wants another user or password).
    """

    exit_code = 8
    retryable = True

    def booked(self) -> Unanswered:
        """The same error, where the evidence has something that is bought or may be."""
        if isinstance(self, Unanswered):
            return self
        return Unanswered(self.message, next_step=self.next_step, **self.details)


class Unanswered(Unreachable):
    """The provider or the network does not answer, while a clip is booked or may be; it stays so."""

    exit_code = 5


class Throttled(NotFinished):
    """The provider refused for now (429); nothing was bought; `retry_after_s` is a hint or None."""

    retryable = True

    @property
    def retry_after_s(self) -> float | None:
        return self.details.get("retry_after_s")


class StillRunning(NotFinished):
    """The deadline passed while the provider works on; the clip stays booked and harvest finishes it."""


class TakenOver(NotFinished):
    """Another worker owns this clip now; this one stepped back without sending anything."""

    retryable = True


class Canceled(NotFinished):
    """The clip was cancelled; `became` is "canceled" (never ran) or "abandoned" (runs on, is billed)."""

    @property
    def became(self) -> str | None:
        return self.details.get("became")


class SubmissionUnknown(NotFinished):
    """A create was sent and its outcome is not known: it may have been bought; reconcile before anything."""

    @property
    def task_ids(self) -> tuple[str, ...]:
        return self.details.get("task_ids", ())


class OverBudget(FootageError):
    """The price or the seconds pass a cap that was set; nothing was bought."""

    exit_code = 6


class BuyingStopped(OverBudget):
    """Somebody stopped all buying in this store; nothing was bought."""


class StorageProblem(FootageError):
    """The store did not do what was asked; the message says what was being done to which object."""

    exit_code = 7
    retryable = True


class NotThere(StorageProblem):
    """The object does not exist."""

    retryable = False


class NotAFile(StorageProblem):
    """There is something else in the place of the object."""

    retryable = False


class AlreadyThere(StorageProblem):
    """The object exists already, so somebody else created it first."""

    retryable = False


class BadRecord(StorageProblem):
    """A file of the evidence is there and does not fit."""

    # The same bytes would be read again.
    retryable = False
