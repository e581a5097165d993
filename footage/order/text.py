"""The rules for what is written: prompt, negative prompt, links, colours."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from footage.catalogue import known_models
from footage.errors import Problem
from footage.privacy.display import shown

COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


# wan3.0 has no field that says that a clip goes on; the words of the prompt decide (API reference).
_EXTEND = "Extend Video 1: "


def sent_prompt(prompt: str, model: str) -> str:
    """The prompt of a request that continues a clip, as its model is told."""
    card = known_models().get(model)
    return f"{_EXTEND}{prompt}" if card and card.continues_as == "reference_video" else prompt


def text_problem(field: str, text: str, most: int, whose: str) -> Problem | None:
    """What keeps a prompt from being sent whole; `most` counts Unicode code points, as the provider does.

    The provider counts every character, letter or sign as one and cuts the rest in silence (API references).
    """
    # What is beyond the limit is too long, whatever it is.
    for character in text[: most + 1]:
        if unicodedata.category(character) == "Cc" and character not in "\t\n\r":
            message = f"has the control character U+{ord(character):04X}; leave it out."
            return Problem(field, shown(text), message)
    if len(text) > most:
        message = f"is {len(text) - most} too long; the provider would cut it off and bill the clip."
        return Problem(
            field, f"{shown(text)} ({len(text)} characters)", message, f"{most} characters for {whose}"
        )
    return None


def link_problem(field: str, url: str) -> Problem | None:
    """What keeps a link from being fetched by the provider; local files never pass here."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return Problem(field, shown(url), "is not a readable URL.", "an http:// or https:// URL")
    if parts.scheme not in ("http", "https") or not host:
        return Problem(
            field, shown(url), "must be a link that the provider can fetch.", "http:// or https://"
        )
    if not url.isascii() or not url.isprintable() or " " in url:
        return Problem(
            field, shown(url), "has characters that must be percent-encoded.", "ASCII without spaces"
        )
    if parts.username or parts.password:
        return Problem(field, shown(url), "has a user name or password in it, which would be sent along.")
    return None


def color_problem(field: str, color: str) -> Problem | None:
    """Whether this is a colour that can be painted."""
    if COLOR.fullmatch(color):
        return None
    return Problem(field, shown(color), "is not a colour.", "#RRGGBB, such as #000000 for black")
