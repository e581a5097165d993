"""Takes secrets and bulk out of what is kept or shown, and leaves everything else as it was.

Removed: the signing parts of signed URLs (Alibaba OSS, AWS, CloudFront, Akamai, Google, Azure, Tencent, Volcengine,
Wangsu and whatever is called alike), tokens in queries and fragments, users and passwords before a host,
`Authorization` headers of any scheme, values named like a secret in JSON, Python and shell spelling, JSON web tokens,
`sk-…` keys, every key that this process knows, and the bytes of `data:` URIs. Names count however they are
written: in any case, percent-encoded, in a URL inside a URL. A URL stays recognisable (host, path, expiry) but opens
nothing any more.

Every pattern is matched in linear time: names are bounded, and what follows one is read only if it is a secret's.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar, cast
from urllib.parse import quote, unquote

T = TypeVar("T")

GONE = "[redacted]"

# -- what a secret is called -----------------------------------------------------------------------------------

# These are secrets wherever they are named; words run together, as `_joined` has them.
_CERTAIN = re.compile(
    r".*(?:(?:api|auth|access|secret|private|account|sign|signing|encryption|subscription|sas|dashscope)key(?:id|secret)?"
    r"|(?:access|refresh|id|auth|session|security|bearer|sas|api|oauth|personal|upload)token"
    r"|(?:client|app|consumer|api|shared|oauth|ws|tx)secret|authorization|connectionstring|sessionid|keypairid)"
    r"|(?:dashscope)?apikeys|hdnts|hdnea|hdntl|jwt|xamz.*|googleaccessid|setcookie"
)
# As the last word of a name they may be secrets ("upload.password") or ordinary ("game token").
_LIKELY = frozenset({"token", "secret", "signature", "credential", "credentials", "hmac", "jwt"})
_PASSWORDS = frozenset({"password", "passwd", "passphrase", "pwd"})
# Ordinary words, which in a URL sign it.
_IN_LINKS = frozenset({"key", "sign", "sig", "upsig", "auth", "policy", "ticket"})
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])v?[0-9]+$")

Kind = Literal["certain", "likely", "link", ""]


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name (of a field, a header, an option) is a secret by its name alone."""
    return _kind(name) in ("certain", "likely")


@functools.lru_cache(4096)
def _kind(name: str) -> Kind:
    words = [word.lower() for word in _SPLIT.split(unquote(unquote(name))) if word]
    joined = "".join(words)
    if _CERTAIN.fullmatch(joined):
        return "certain"
    last = words[-1] if words else ""
    if last in _LIKELY or last in _PASSWORDS or joined.endswith(("token", "secret", "password", "signature")):
        return "likely"
    return "link" if last in _IN_LINKS else ""


def _opaque(text: str) -> bool:
    """Whether a value looks like a token, and not like a word or several."""
    if not re.fullmatch(r"[\x21-\x7e]{8,}", text):
        return False
    return len(text) >= 24 or re.search(r"[0-9]|[^A-Z][A-Z]", text) is not None


# -- where it stands -------------------------------------------------------------------------------------------

_HEX = "[0-9A-Fa-f]"
# Begins a word: not inside one, but after a line break or a tab that is written out, too.
_START = (
    rf"(?:(?<=\\[tnrfvb0])|(?<=\\x{_HEX}{{2}})|(?<=\\u{_HEX}{{4}})|(?<=%{_HEX}{{2}})|(?<![A-Za-z0-9_\\%-]))"
)
_ENCODED = r"%(?:25){0,4}"
# A parameter may follow a plain "&", its forms in HTML and JSON, or be part of a URL inside a URL.
_PARAMETER = re.compile(
    rf"(?:[?&;#]|\\u0026|\\u003[fF]|{_ENCODED}(?:26|3[FfBb]|23))"
    rf"(?P<name>(?:[A-Za-z0-9_.$~\[\]-]|%(?!(?:25){{0,4}}(?:26|3[DdFfBb]|23)){_HEX}{{2}}){{1,80}}?)"
    rf"(?:=|\\u003[dD]|{_ENCODED}3[Dd])"
)
_PARAMETER_VALUE = re.compile(rf"(?:(?!{_ENCODED}26)[^&\s\"'<>\\])+")
# name: value, name=value, "name": "value", ('name', 'value'), <name>value, --name value; with the quotes and the
# colon written out, too.
_QUOTE = r"(?:[bu]?\\{0,8}[\"'])"
_NAMED = re.compile(
    rf"(?:{_START}|(?<=--))(?P<name>[A-Za-z][A-Za-z0-9_.-]{{1,63}}+)"
    rf"(?:\s{{0,8}}(?:=>|[:=])|(?P<quoted>\\{{0,8}}[\"'])\s{{0,8}}(?:=>|[:=]|(?P<pair>,))|{_ENCODED}3[AaDd](?:%20|\+)?"
    rf"|(?P<tag>>)|(?P<flag>(?=\s)))\s{{0,8}}(?P<open>{_QUOTE})?"
)
_BARE_VALUE = re.compile(r"[^\s\"'<>,;&(){}\\]+")
# A scheme and what follows it, with the parameters of Digest and of AWS.
_HEADER_VALUE = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9-]{0,40}[ \t]{1,8}(?=[^\s,]))?"
    r"(?:[A-Za-z_-]{1,40}=\"[^\"\r\n]*\"|[^\s\"',\\]+)"
    r"(?:,[ \t]{0,8}[A-Za-z_-]{1,40}=(?:\"[^\"\r\n]*\"|[^\s\"',\\]+))*"
)
_BEARER = re.compile(r"((?:\b|(?<=\\[tnr]))bearer(?:\s|%20|\+){1,8})[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_WEB_TOKEN = re.compile(rf"{_START}eyJ[A-Za-z0-9_-]{{8,4000}}+\.[A-Za-z0-9_-]{{4,8000}}+\.[A-Za-z0-9_-]*+")
# Not inside a word ("risk-assessment"), and with a digit or a capital, so that ordinary text is left alone
# ("sk-storyboards"). A full stop belongs to a key ("sk-ws-H.…") unless it ends it.
_KEY = re.compile(
    rf"{_START}sk-(?=[A-Za-z0-9_.-]{{0,64}}[A-Z0-9])(?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-])){{8,}}"
)
# The user stays where a password follows; alone it may be a token.
_USER = re.compile(r"(:\\?/\\?/)([^\s/?#@:\"'<>\\]*+)(:?+)([^\s/?#\"'<>\\]*)@")
_ENCODED_USER = re.compile(
    rf"({_ENCODED}3A(?:{_ENCODED}2F){{2}})(?:(?!{_ENCODED}(?:2F|3F|23|40))[^\s&\"'<>]){{1,500}}({_ENCODED}40)",
    re.IGNORECASE,
)
_DATA_URI = re.compile(
    r"(data:[\w.+-]{1,80}/[\w.+-]{1,80}(?:;[\w.+-]{1,80}=[\w.+-]{1,80}){0,8}(?:;base64)?,)([^\s\"'<>)\\\[]+)",
    re.IGNORECASE,
)

# Characters of a text that is short enough to be remembered.
_SHORT = 120

# Keys have several shapes, and somebody may answer with the one that was sent.
_known: set[str] = set()


def never_show(secret: str) -> None:
    """Take this text out of everything from now on, whatever it looks like."""
    # Keys have 35 characters and more; what a test calls its key may be an ordinary word.
    if len(secret) >= 16:
        _known.update((secret, quote(secret), quote(secret, safe="")))


def redact(value: T) -> T:
    """The same shape without secrets; mappings, lists, tuples and strings are walked, the rest is kept."""
    return cast(T, _walk(value))


class Discreet(logging.Filter):
    """Takes images, keys, signatures and tracebacks out of a library's log, for those who switch it on."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {
            _text(name) if isinstance(name, str) else name: _entry(name, item)
            for name, item in entries.items()
        }
    if isinstance(value, list):
        return [_walk(item) for item in cast("list[Any]", value)]
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        if len(items) == 2 and isinstance(items[0], str):
            # A header in a list of headers.
            return _text(items[0]), _entry(items[0], items[1])
        return tuple(_walk(item) for item in items)
    return value


def _entry(name: object, item: Any) -> Any:
    if not isinstance(name, str) or not item:
        return _walk(item)
    certain = _kind(name) == "certain"
    return GONE if certain or (isinstance(item, str) and _named_secret(name, item)) else _walk(item)


def _named_secret(name: str, value: str) -> bool:
    """Whether a quoted value is the secret that its name says."""
    kind = _kind(name)
    password = any(name.lower().endswith(word) for word in _PASSWORDS)
    return kind == "certain" or (kind == "likely" and (password or _opaque(value)))


class _Found(NamedTuple):
    """What is to be taken out: from here to there."""

    start: int
    end: int


def _text(text: str) -> str:
    # What is short comes again and again: names of fields, ids, states. With another secret the answer is another.
    return _of_short(text, len(_known)) if len(text) <= _SHORT else _without_secrets(text)


@functools.lru_cache(4096)
def _of_short(text: str, _secrets: int) -> str:
    return _without_secrets(text)


def _without_secrets(text: str) -> str:
    for secret in tuple(_known):
        text = text.replace(secret, GONE)
    text = _DATA_URI.sub(lambda match: f"{match[1]}[{len(match[2])} characters]", text)
    text = _cut(text, _PARAMETER, _parameter)
    text = _cut(text, _NAMED, _named)
    text = _USER.sub(_without_user, text)
    text = _ENCODED_USER.sub(rf"\1{GONE}\2", text)
    text = _BEARER.sub(rf"\1{GONE}", text)
    text = _WEB_TOKEN.sub(GONE, text)
    return _KEY.sub(GONE, text)


def _cut(text: str, pattern: re.Pattern[str], look: Any) -> str:
    """Replace what `look` finds behind each name; a value that is none is searched for names itself."""
    kept: list[str] = []
    done = at = 0
    while match := pattern.search(text, at):
        found: _Found | None = look(text, match)
        if found is None or found.start == found.end:
            at = match.end("name")
            continue
        kept += (text[done : found.start], GONE)
        done = at = found.end
    return "".join((*kept, text[done:])) if kept else text


def _parameter(text: str, match: re.Match[str]) -> _Found | None:
    if not _kind(match["name"]):
        return None
    value = _PARAMETER_VALUE.match(text, match.end())
    return _Found(*value.span()) if value else None


def _named(text: str, match: re.Match[str]) -> _Found | None:
    name, start, opening = match["name"], match.end(), match["open"]
    kind = _kind(name)
    if kind not in ("certain", "likely") or text.startswith(GONE, start):
        return None
    if opening and match["flag"] is None:
        found = _Found(start, _closing(text, start, opening.lstrip("bu")))
        quoted = match["quoted"] is not None and _named_secret(name, text[found.start : found.end])
        return found if kind == "certain" or quoted or _opaque(text[found.start : found.end]) else None
    before = text[max(0, match.start() - 2) : match.start()]
    if (
        match["pair"]
        or (match["tag"] and before[-1:] != "<")
        or (match["flag"] is not None and before != "--")
    ):
        # Names in a list, a name before a closing bracket, a name in a sentence.
        return None
    header = name.lower().endswith("authorization")
    value = (_HEADER_VALUE if header else _BARE_VALUE).match(text, start)
    return _Found(*value.span()) if value and (kind == "certain" or _opaque(value[0])) else None


def _closing(text: str, start: int, mark: str) -> int:
    """Where the quoted value ends that begins at `start`; at the end of the line if nothing closes it."""
    at = start
    while at < len(text) and text[at] not in "\r\n":
        if text.startswith(mark, at):
            return at
        at += 2 if text[at] == "\\" and not mark.startswith("\\") else 1
    return min(at, len(text))


def _without_user(match: re.Match[str]) -> str:
    before, user, colon, password = match.groups()
    if not user and not password:
        return match[0]
    if colon and password:
        return f"{before}{user}:{GONE}@"
    return f"{before}{GONE}@"
