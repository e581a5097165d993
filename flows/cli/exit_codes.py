"""What is booked decides the exit code of a network that does not answer: 8 for nothing at all, else 5."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterable, Mapping

from footage.errors import Unreachable


@contextlib.contextmanager
def about_what_is_booked() -> Generator[None]:
    """For commands that finish, cancel or settle what was bought: nothing that stops them says that nothing was.

    Raises:
        Unanswered: In place of Unreachable.
    """
    try:
        yield
    except Unreachable as error:
        raise error.booked() from None


@contextlib.contextmanager
def about_clips(keys: Iterable[str]) -> Generator[None]:
    """For commands that buy: an earlier run may have bought some of these clips already.

    Raises:
        Unanswered: In place of Unreachable, where the evidence has something that is bought or may be.
    """
    try:
        yield
    except Unreachable as error:
        from footage.context import open_context
        from footage.evidence.paid import with_what_is_booked

        raise with_what_is_booked(error, open_context().store, keys) from None


def code_of(states: Mapping[str, str], unreachable: Collection[str]) -> int:
    """For commands that make many clips, by name: 8 where nothing answered for any of them and nothing was bought, 5
    while something is unfinished or waits for a pick, 6 where the budget held clips, 4 where clips failed, else 0."""
    # A shot that starts from another's frame is skipped where that one did not come.
    if unreachable and all(name in unreachable or state == "skipped" for name, state in states.items()):
        return Unreachable.exit_code
    for state, code in (("unfinished", 5), ("held", 6), ("failed", 4), ("waiting", 5), ("skipped", 4)):
        if state in states.values():
            return code
    return 0
