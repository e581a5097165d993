"""HTML that cannot be broken out of, and without secrets: whatever is not markup is escaped when it is filled in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import quote

from footage.privacy.redact import redact


class Markup(str):
    """Text that is HTML already. Only `fill`, `joined` and this module's constants make it."""

    __slots__ = ()


EMPTY = Markup("")
_PLACE = re.compile(r"\{(\w+)\}")


def fill(template: str, **values: object) -> Markup:
    """The template with each `{name}` replaced; a value is escaped unless it is Markup."""
    return Markup(_PLACE.sub(lambda place: escaped(values[place[1]]), template))


def escaped(value: object) -> Markup:
    if isinstance(value, Markup):
        return value
    text = str(value)
    # Our own pictures are inline, and `redact` takes inline data out.
    return Markup(html.escape(text if text.startswith("data:image/jpeg;") else redact(text), quote=True))


def joined(parts: Iterable[Markup], between: str = "\n") -> Markup:
    return Markup(between.join(parts))


def lines(text: str) -> Markup:
    """Text of several lines with its line breaks kept."""
    return Markup("<br>".join(escaped(line) for line in text.splitlines()))


def link(path: str) -> str | None:
    """A link that opens a file beside the page or on the web; None for anything else (`javascript:`)."""
    if re.match(r"https?://", path, re.IGNORECASE):
        return path
    if not path or path.startswith(("/", "\\")) or re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
        return None
    return quote(path, safe="/~!$&'()*+,;=@")
