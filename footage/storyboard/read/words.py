"""The words that people and tools use for the same thing; the table itself is `words.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

_NOT_WORD = re.compile(r"[\s_\-./()（）\[\]【】#:：'’\"]+")
_BRACKETS = re.compile(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")


@lru_cache(4096)
def plain(name: str) -> str:
    """A field name without case and punctuation: `Shot Size` and `shot_size` are one word; `#` stays itself."""
    return _NOT_WORD.sub("", name.casefold()) or name.strip()


_TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def _load(
    table: dict[str, Any],
) -> tuple[dict[str, dict[str, int]], dict[str, tuple[str, ...]], dict[str, frozenset[str]]]:
    roles: dict[str, dict[str, int]] = {}
    for role, languages in table["roles"].items():
        ordered = dict.fromkeys(plain(word) for words in languages.values() for word in words)
        roles[role] = {word: place for place, word in enumerate(ordered)}
    either = {plain(word): tuple(candidates) for word, candidates in table["either"].items()}
    values = {kind: frozenset(map(plain, words)) for kind, words in table["values"].items()}
    return roles, either, values


# ROLES: role -> word -> place, the best word first. EITHER: word -> roles that are tried in this order.
ROLES, EITHER, VALUES = _load(_TABLE)
LISTS: tuple[str, ...] = tuple(map(plain, _TABLE["documents"]["lists"]))
LOOK = frozenset(map(plain, _TABLE["documents"]["look"]))
SETTINGS = frozenset(map(plain, _TABLE["documents"]["settings"]))
WRAPPERS = frozenset(map(plain, _TABLE["documents"]["wrappers"]))
_ROLE_OF = {word: role for role, words in reversed(ROLES.items()) for word in words}


def without_brackets(name: str) -> str:
    """`Description (what, where)` is a Description; brackets hold units and explanations."""
    return _BRACKETS.sub(" ", name).strip() or name


@lru_cache(4096)
def roles_of(name: str) -> tuple[str, ...]:
    """The roles that a column of this name can have, in the order in which they are tried; empty if unknown."""
    for word in (plain(name), plain(without_brackets(name))):
        if word in EITHER:
            return EITHER[word]
        if word in _ROLE_OF:
            return (_ROLE_OF[word],)
    return ()


def names_a_length(name: str) -> bool:
    """Whether one of the words of a name is one for a length: `Approx. duration`, `Länge/Sek`, `预估时长`."""
    known = ROLES["duration"].keys() | ROLES["frames"].keys()
    parts = re.split(r"[\W_]+", name.casefold())
    return any(
        part in known
        or (not part.isascii() and any(len(w) > 1 and not w.isascii() and w in part for w in known))
        for part in parts
    )


def has_one_meaning(name: str) -> bool:
    return plain(name) not in EITHER and plain(without_brackets(name)) not in EITHER


def place_of(name: str, role: str) -> int:
    """How good a word this is for a role, 0 the best; a word of several meanings comes after all others."""
    for word in (plain(name), plain(without_brackets(name))):
        if word in ROLES.get(role, {}):
            return ROLES[role][word]
    return 1000


def nothing(value: object) -> bool:
    """Whether a cell says nothing: empty, a dash, n/a, TBD, 无."""
    if value is None or value == [] or value == {}:
        return True
    return isinstance(value, str) and (not value.strip() or value.strip().casefold() in _NOTHING)


_NOTHING = frozenset(
    word.casefold()
    for word in tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))["values"]["nothing"]
)


def one_line(text: str) -> str:
    return " ".join(text.split())


_REFERS = re.compile(
    r"^(?:(?:see|same as|as in|like|cf\.?|siehe|wie|vgl\.?|voir|véase|vedi|参见|见|同|參見)\s*(?:in\s)?"
    r"(?:shot|scene|panel|frame|row|#|einstellung|szene|plan|plano|inquadratura|镜头?|鏡頭?|カット|컷|샷)?\s*[#.]?\s*\d+\w?"
    r"|#(?:REF|N/A|VALUE|NAME|DIV/0|NUM|NULL|SPILL|CALC|ERROR)[!?]?|=.*|(?:tbd|tba|tbc|todo|fixme)\b.*|lorem ipsum.*"
    r"|[\[<{]+[^\]>}]*[\]>}]+|[\"″〃'`]+)$",
    re.IGNORECASE | re.DOTALL,
)


def is_placeholder(text: str) -> bool:
    """Whether a text only stands for one: TODO, `same`, `see shot 1`, `[insert description]`, `#REF!`, a formula."""
    return len(text) <= 200 and (plain(text) in VALUES["placeholder"] or bool(_REFERS.match(text.strip())))


def is_total(value: object) -> bool:
    """Whether a cell is the word in front of a sum."""
    return isinstance(value, str) and plain(value.rstrip(":： ")) in VALUES["total"]


def is_omitted(value: object) -> bool:
    """Whether a cell says that its shot was taken out, and nothing else."""
    return isinstance(value, str) and plain(value) in VALUES["omitted"]


def is_framing(value: object) -> bool:
    """Whether a cell is a shot size alone, such as CU or 全景."""
    parts = re.split(r"[/,+&、，]| to ", str(value).strip().casefold())
    return all(plain(part) in VALUES["framing"] for part in parts) and bool(str(value).strip())


def is_movement(value: object) -> bool:
    """Whether a cell says how the camera moves, such as `slow push in` or 固定."""
    text = str(value).casefold()
    words = set(re.findall(r"[^\W\d_]+", text))
    return any(word in words or (not word.isascii() and word in text) for word in VALUES["movement"])


def transition(value: object) -> tuple[str, bool] | None:
    """(cut, dissolve or fade; whether the word said exactly that), or None for a word that is neither."""
    word = plain(str(value))
    if word in ("cut", "dissolve", "fade"):
        return word, True
    for kind, words in {
        "cut": ("", "none", "hardcut", "切", "硬切", "schnitt", "corte"),
        "dissolve": (
            "crossdissolve",
            "crossfade",
            "mix",
            "smptedissolve",
            "叠化",
            "溶解",
            "überblendung",
            "fondu",
        ),
        "fade": ("fadeout", "fadein", "fadetoblack", "淡出", "淡入", "渐隐"),
    }.items():
        if word in words:
            return kind, False
    return None


def number(value: object) -> Any:
    """A text as the whole number it holds, else as it is; a number that counts nothing in a film is a text."""
    text = str(value).strip()
    if re.fullmatch(r"0|-?[1-9]\d{0,11}", text):
        return int(text)
    return text if isinstance(value, int) and not isinstance(value, bool) else value
