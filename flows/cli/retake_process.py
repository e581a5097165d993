"""A retake that the review app buys: `wan-video retake` in a process of its own, which outlives the app."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from footage.review.purchases import QuotedRetake
    from footage.storyboard.retake_wish import RetakeWish


class RetakeProcess:
    """The command of one retake; its answer is kept until the app ends."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read once the process has ended
        # A session of its own: Ctrl-C at this terminal, or the end of the app, is not about what is being bought.
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from flows.cli import main; main()", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._answer,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def error(self) -> str | None:
        """What it says went wrong, with the next step."""
        self._answer.seek(0)
        try:
            told = json.loads(self._answer.read())
        except ValueError:
            return None
        document = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        if error := document.get("error"):
            return " ".join(filter(None, [error["message"], error["next"] and f"Next: {error['next']}"]))
        reasons = [str(reason) for reason in document.get("reasons", {}).values()]
        return " ".join(reasons) or None


def retake_arguments(board: str, wish: RetakeWish, quoted: QuotedRetake, flags: Sequence[str]) -> list[str]:
    """The arguments of the command that makes this retake, for no more than was quoted."""
    fields = {"--note": wish.note, "--by": wish.by, "--prompt": wish.prompt, "--seed": wish.seed}
    # With "=", so that no value is taken for an option.
    said = [f"{name}={value}" for name, value in fields.items() if value is not None]
    bounds = [f"--quote={quoted.quote}", f"--max-cost={quoted.amount}"]
    return ["retake", *said, *bounds, "--json", *flags, "--", board, wish.shot, wish.take]
