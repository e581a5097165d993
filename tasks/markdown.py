"""Texts of others in Markdown: prompts, titles and the provider's words are shown as they are written."""

from __future__ import annotations

import re
import unicodedata

from footage.privacy.display import one_line

# Markdown takes a backslash before any of them for the character itself, so no link, picture, heading, table, HTML
# tag or bare address can begin. What needs no protection stays readable in the source.
_MARKS = re.compile(r"[!#$&()*+\-.:<=>@\[\\\]^_`{|}~]")
# The Prefect UI makes links of bare addresses after escapes were read (mdast-util-gfm-autolink-literal); a comment
# inside of one leaves two texts of which neither is an address.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_NOTHING = "<!-- -->"
_WORD_JOINER = "\u2060"
_WIDE = str.maketrans({"[": "\uff3b", "]": "\uff3d", "<": "\uff1c", "`": "'"})


def as_text(text: str, longest: int = 300) -> str:
    """One line of Markdown that shows exactly this text."""
    parts = _ADDRESS.split(one_line(text)[:longest])
    return _NOTHING.join(_MARKS.sub(r"\\\g<0>", part) for part in parts)


def as_cell(text: str, longest: int = 2_000) -> str:
    """One line for a cell or a description: the older pages of the UI read Markdown there, the newer ones do not.

    So what begins a link, a picture or a tag is replaced by the wide form of it, which reads the same in both.
    """
    return _WORD_JOINER.join(_ADDRESS.split(one_line(text)[:longest])).translate(_WIDE)


def as_link(url: str, folder: str | None = None) -> str:
    """A link where a browser can follow it, else the address as code; of a file below `folder` the path from there."""
    if url.startswith(("http://", "https://")):
        return f"[{url.split('?')[0].rsplit('/', 1)[-1]}]({url})"
    shown = one_line(url).replace("`", "'")
    if folder is not None:
        shown = shown.removeprefix("file://").removeprefix(folder).lstrip("/")
    return f"`{shown}`"


def slug(name: str) -> str:
    """A name in the letters that an artifact's key may have."""
    words = re.sub(r"[^a-z0-9]+", "-", unicodedata.normalize("NFKD", name).casefold()).strip("-")
    return words[:60].strip("-") or "clip"
