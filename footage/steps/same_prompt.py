"""Whether two prompts are one: the provider may cut what is long, and change white space and the forms of letters."""

from __future__ import annotations

import unicodedata

# What the provider tells of a prompt is never shorter than this, where it does not tell all of it.
_CUT_FROM = 400


def same_prompt(told: str, ordered: str) -> bool:
    """Whether the provider tells this very prompt, as far as its form does not matter."""
    return _folded(told) == _folded(ordered)


def beginning_of_prompt(told: str, ordered: str) -> bool:
    """Whether what the provider tells is the beginning of this prompt, and long enough to be a cut one."""
    theirs = _folded(told)
    return len(theirs) >= _CUT_FROM and _folded(ordered).startswith(theirs)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())
