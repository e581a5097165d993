"""Wishes to cancel a clip, and words that override them, as the names of their files count them."""

from __future__ import annotations

import re

_WISH_FILE = re.compile(r"/(cancel|override)-(\d{1,18})\.json$")


def wishes_in(names: list[str]) -> tuple[int, int]:
    """How often cancelling was asked for, and how many of those wishes somebody overrode since."""
    highest = {"cancel": 0, "override": 0}
    for name in names:
        if match := _WISH_FILE.search(name):
            highest[match[1]] = max(highest[match[1]], int(match[2]))
    return highest["cancel"], highest["override"]
