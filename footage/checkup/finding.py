"""What one question found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from footage.errors import FootageError
from footage.privacy.display import plain
from footage.privacy.redact import redact

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line for a person: what was looked at, how it is, and what to do about it.

    A "fail" would stop a run that makes a clip, with `exit_code`; a "warn" would not.
    """

    name: str
    level: Level
    message: str
    fix: str | None = None
    exit_code: int = 0

    def __post_init__(self) -> None:
        for field in ("message", "fix"):
            text = getattr(self, field)
            # Frozen: this is the one moment at which it may be changed.
            object.__setattr__(self, field, None if text is None else plain(redact(text)))

    def as_warning(self) -> Finding:
        """The same, where it is no reason to stop."""
        return replace(self, level="warn", exit_code=0) if self.level == "fail" else self

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def fix_of(error: FootageError) -> str | None:
    """What mends it, in words."""
    return None if error.next_step is None else str(error.next_step)


def examine(name: str, question: Callable[[], Finding]) -> Finding:
    """Ask one question; whatever it raises becomes a finding, so that the next question is asked, too."""
    try:
        return question()
    except FootageError as error:
        return Finding(name, "fail", error.message, fix_of(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - a broken installation can raise anything, and is what is looked for
        return Finding(name, "fail", f"{type(error).__name__}: {error}", exit_code=1)


def exit_code(findings: Iterable[Finding]) -> int:
    """What a command ends with: the code of the first failure, 0 without one."""
    return next((finding.exit_code or 1 for finding in findings if finding.level == "fail"), 0)
