"""A shot in the making, while a dialect is read."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Generator, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footage.errors.actions import typed
from footage.input_roots import InputRoots
from footage.storyboard.guesses import Guess
from footage.storyboard.read import lengths, words
from footage.storyboard.read.mapping import Part, samples
from footage.storyboard.read.plain_data import as_list, as_mapping

_CHINESE = re.compile(r"[\u3400-\u9fff]")


class Draft:
    """One shot of a dialect: fields taken over, guesses made on the way, and what stays as metadata.

    A source field is either carried over as it is (then it is ours now) or only used to work something out
    (then it stays in the metadata as well, so nothing is lost).
    """

    def __init__(self, shot_id: str, row: Mapping[str, Any], inner: Mapping[str, Any] | None = None) -> None:
        self.id = shot_id
        self.row = row
        # Values that the source keeps deeper inside, under names of ours; never metadata by themselves.
        self._inner = inner or {}
        self.fields: dict[str, Any] = {}
        # What was worked out and is only told; what is doubtful is in `parts`.
        self.guesses: list[Guess] = []
        # A dictionary and not a set: a draft travels between processes as JSON.
        self._carried: dict[str, None] = {}
        self.parts: list[Part] = []
        # Why the default length holds, where the source has lengths but none for this shot.
        self.no_length: str | None = None
        # The source field that asks for a resolution, and the tier it asks for ("720P").
        self.tier: tuple[str, str] | None = None

    def find(self, *names: str) -> tuple[str, Any] | None:
        """The first of these source fields that says something, with the name it has in the source."""
        for name in names:
            word = words.plain(name)
            for key, value in (*self.row.items(), *self._inner.items()):
                if words.plain(key) == word and not _blank(value):
                    return key, value
        return None

    def text(self, *names: str) -> str:
        """The first of these source fields as text; empty when there is none, or it says nothing."""
        found = self.find(*names)
        return plain_text(found[1]) or "" if found else ""

    def words_of(self, *names: str) -> str:
        """The first of these source fields as words of the prompt."""
        found = self.find(*names)
        return self.words(*found) if found else ""

    def words(self, key: str, value: Any) -> str:
        """A value as words of the prompt, those of a list one after the other; what has other parts is doubted."""
        text = plain_text(value)
        if text is None:
            self.doubt_words(key, value)
        return text or ""

    def doubt_words(self, key: str, value: Any, field: str = "prompt") -> None:
        """Doubt a value that should be words of a prompt, and has parts that nobody knows."""
        self.doubt(
            field, None, key, value, "it is an object or a list of fields that we do not know",
            others=(typed("--set", f"{self.id}.{field}=TEXT"),), acceptable=False,
        )  # fmt: skip

    def carry(self, field: str, *names: str) -> bool:
        """Take a source field over as one of ours. False when the source does not have it."""
        found = self.find(*names)
        if found is None:
            return False
        key, value = found
        if field == "prompt":
            return self._carry_prompt(key, value)
        self._carried[key] = None
        self.fields[field] = as_text(value) if not isinstance(value, int | float) else value
        return True

    def _carry_prompt(self, key: str, value: Any) -> bool:
        if text := self.words(key, value):
            self.take("prompt", key, text)
        return bool(text) or any(part.field == "prompt" for part in self.parts)

    def forget(self, *names: str) -> None:
        """Source fields that another field of ours already says; they do not stay in the metadata."""
        for name in names:
            if found := self.find(name):
                self._carried[found[0]] = None

    def complete(self, other: Draft) -> None:
        """Take over all that another draft of the same row has."""
        self.fields |= other.fields
        self.guesses += other.guesses
        self.parts += other.parts
        self._carried |= other._carried
        self.no_length = self.no_length or other.no_length

    def guess(self, field: str, value: Any, taken_from: str, why: str) -> None:
        """Set a field that the source did not say outright, and report it."""
        self.fields[field] = value
        self.report(field, value, taken_from, why)

    def report(self, field: str, value: Any, taken_from: str, why: str) -> None:
        self.guesses.append(Guess(self.id, field, taken_from, value, why))

    def take(self, field: str, key: str, value: Any) -> None:
        """Set a field of ours to what the source field of this very name says."""
        self._carried[key] = None
        self.fields[field] = value

    def doubt(
        self,
        field: str,
        value: Any,
        source: str,
        said: object,
        why: str,
        *,
        settle: tuple[str, ...] = (),
        others: tuple[str, ...] = (),
        acceptable: bool = True,
    ) -> None:
        """Set a field (None: leave it) to what it may mean; a person has to say before anything is bought."""
        if value is not None:
            self.fields[field] = value
        self.parts.append(
            Part(
                source, field, "guessed", why, self.id, samples([said]), "" if value is None else str(value),
                others, settle, acceptable,
            )
        )  # fmt: skip

    def duration(self, *names: str) -> None:
        """Length of a tool that counts in seconds; what cannot be read is doubted."""
        found = self.find(*names)
        if found is None:
            return
        key, value = found
        length = lengths.parse(value, "s")
        if words.nothing(value):
            self.no_length = f"{key} says nothing"
        elif (
            length is None or length.seconds < lengths.SHORTEST_S or length.doubt or length.start is not None
        ):
            self.doubt(
                "duration", None, key, value, "it is no length in seconds",
                settle=("--set", f"{self.id}.duration=5"), others=(typed("--set", f"{self.id}.duration=SECONDS"),),
            )  # fmt: skip
        else:
            self.length(length.seconds, key, value)

    def length(self, seconds: float, taken_from: str, written: object) -> None:
        """A length in seconds: rounded up, because what is too long can be cut and what is short cannot grow."""
        if seconds == int(seconds) and words.plain(str(written)).isdigit() and taken_from in self.row:
            self.take("duration", taken_from, int(seconds))
        else:
            self.duration_of(seconds, taken_from, str(written))

    def duration_of(self, length: float, taken_from: str, written: str) -> None:
        """A length worked out from something else, in seconds; rounded up and reported unless it is whole."""
        whole = max(1, math.ceil(length - 1e-6))
        self.guess("duration", whole, taken_from, f"{written} is written as {whole} whole seconds")

    def transition(self, *names: str) -> None:
        found = self.find(*names)
        if found is None:
            return
        key, value = found
        read = words.transition(value)
        if read is None:
            self.report(
                "transition", "cut", key, f"{str(value)[:40]!r} is no transition we know; the shot cuts"
            )
            return
        kind, exact = read
        self.fields["transition"] = kind
        if exact:
            self._carried[key] = None
        else:
            self.report("transition", kind, key, f"{value!r} is read as {kind}")

    def image(self, base: Path | None, *names: str) -> None:
        """First frame: a link or data URI as it is, a path where it is; one that is not there is doubted."""
        for name in names:
            found = self.find(name)
            if found is None or words.nothing(found[1]):
                continue
            key, value = found
            first = first_picture(value)
            if not isinstance(first, str):
                continue
            self.first_frame(key, first, base, whole=first is value)
            return

    def first_frame(self, key: str, said: str, base: Path | None, *, whole: bool = True) -> None:
        """Start from this picture, if it is there."""
        said = picture_in(said)
        where = picture(said, base)
        if where is None:
            folders = ", ".join(str(folder) for folder in _folders(said, base))
            self.doubt(
                "reference_image", None, key, said, f"there is no such file; looked for in {folders}",
                others=("put the file there", "--assets DIR_OR_URL", typed("--set", f"{self.id}.reference_image=none")),
                acceptable=False,
            )  # fmt: skip
        elif "reference_image" in words.roles_of(key) and whole:
            self.take("reference_image", key, where)
        else:
            self.guess("reference_image", where, key, "taken as the first frame")

    def finished(self) -> dict[str, Any]:
        """The shot as our own schema has it."""
        rest = {
            key: value
            for key, value in self.row.items()
            if key not in self._carried and value not in ("", None)
        }
        return {"id": self.id, **self.fields, **({"metadata": rest} if rest else {})}


def _blank(value: object) -> bool:
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def as_text(value: object) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def plain_text(value: object) -> str | None:
    """A value as text, a list of texts as sentences; empty where it says nothing, None where it has other parts."""
    if (items := as_list(value)) is not None:
        texts = [plain_text(item) for item in items]
        return None if None in texts else sentence(text for text in texts if text)
    if as_mapping(value) is not None:
        return None
    return "" if words.nothing(value) else as_text(value)


# How sheets and databases write a picture into a cell: a formula, `frame.png (https://…)`, Markdown, HTML.
_IN_CELL = re.compile(
    r"""^(?:=(?:IMAGE|HYPERLINK)\(\s*"([^"]+)"[^\n]*\)|[^()\n]+\.\w{3,4}\s+\((https?://[^\s()]+)\)|!\[[^\]\n]*\]\(([^\s()]+)\)"""
    r"""|<img\b[^>\n]*\bsrc=["']([^"'\n]+)["'][^>\n]*>)$""",
    re.IGNORECASE,
)


def first_picture(value: object) -> object:
    """The first of a list of pictures, and of an object that describes one its address."""
    items = as_list(value)
    first = items[0] if items else value
    inner = as_mapping(first)
    if inner is None:
        return first
    return next(
        (inner[key] for key in ("url", "uri", "src", "href", "path", "file") if inner.get(key)), first
    )


def picture_in(cell: str) -> str:
    """The address or path of the picture that a cell holds; the cell itself where it is just that."""
    match = _IN_CELL.match(cell.strip())
    return next(part for part in match.groups() if part) if match else cell


# Set for one reading: the readers of all dialects hand on the board's folder, and this is not theirs to decide.
_allowed: ContextVar[InputRoots] = ContextVar("pictures_below", default=InputRoots.anywhere())  # noqa: B039
_assets: ContextVar[str | None] = ContextVar("assets", default=None)


@contextlib.contextmanager
def pictures_below(roots: InputRoots, assets: str | None = None) -> Generator[None]:
    """Within this block, whether a picture is there is looked up below `roots` alone, and in `assets` first."""
    tokens = _allowed.set(roots), _assets.set(assets)
    try:
        yield
    finally:
        _allowed.reset(tokens[0])
        _assets.reset(tokens[1])


# Each folder of a path is looked up, for each place where the picture may be; PATH_MAX of Linux is 4,096.
_LONGEST_PATH = 4096
_MOST_FOLDERS = 60


def picture(value: str, base: Path | None) -> str | None:
    """Where an image that a board names can be read: links as they are, files absolute; None if not there."""
    if value.startswith(("http://", "https://", "data:", "file://")):
        return value
    if len(value) > _LONGEST_PATH or len(Path(value).parts) > _MOST_FOLDERS:
        return None
    assets = _assets.get()
    if assets is not None and assets.startswith(("http://", "https://")):
        return f"{assets.rstrip('/')}/{value.lstrip('/')}"
    allowed = _allowed.get()
    for number, place in enumerate(_places(value, base)):
        if number == 0 and assets is None and not allowed.allows(place):
            # Refused when the picture is read, like everything outside: to look would tell whether it is there.
            return str(place.absolute())
        try:
            if allowed.allows(place) and place.is_file():
                return str(place.resolve())
        except (OSError, ValueError):  # a name with a null byte, or 5,000 characters long
            continue
    return None


def _folders(value: str, base: Path | None) -> list[Path]:
    return list(dict.fromkeys(place.parent.absolute() for place in _places(value, base)))


def _places(value: str, base: Path | None) -> list[Path]:
    """Where a picture may be: by its path below the assets, each leading folder left out in turn, then the board."""
    # Boards from Windows have other slashes, and are made elsewhere, too.
    spellings = dict.fromkeys((value[:_LONGEST_PATH], value[:_LONGEST_PATH].replace("\\", "/")))
    return [place for spelled in spellings for place in _places_of(Path(spelled), base)]


def _places_of(path: Path, base: Path | None) -> list[Path]:
    # "~1.png" is a name, too, and nobody's home.
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    # Tools write paths from their project's root, while the script lies one or two folders below it.
    below = [Path()] if path.is_absolute() or base is None else [base, base.parent, base.parent.parent]
    found = [root / path for root in below]
    if (assets := _assets.get()) is None:
        return found
    parts = [part for part in path.parts if part not in (path.anchor, "..")]
    return [Path(assets).joinpath(*parts[start:]) for start in range(len(parts))] + found


def sentence(parts: Iterable[str]) -> str:
    """Prompt text from its parts, each ended by a full stop, empty ones left out."""
    clean = [part.strip() for part in parts if part.strip()]
    stop, gap = ("。", "") if _CHINESE.search("".join(clean)) else (".", " ")
    return gap.join(part if part[-1] in ".!?。！？…;；" else f"{part}{stop}" for part in clean)


@dataclass
class Parsed:
    """A board of another tool, field by field, before it becomes a board of ours."""

    format: str
    drafts: list[Draft]
    title: str | None = None
    defaults: dict[str, Any] = field(default_factory=dict[str, Any])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    guesses: list[Guess] = field(default_factory=list[Guess])
    parts: list[Part] = field(default_factory=list[Part])
    # The names of the columns, by which a map file is found again.
    shape: tuple[str, ...] = ()


def shot_rows(data: object, *names: str) -> list[Mapping[str, Any]]:
    """The list of shots in a document: the document itself, or the first of `names` that holds a list."""
    rows = as_list(data)
    if rows is None:
        outer = as_mapping(data) or {}
        for name in names:
            for key, value in outer.items():
                if words.plain(key) == words.plain(name) and (inner := as_list(value)) is not None:
                    return _all_rows(inner)
        return []
    return _all_rows(rows)


def _all_rows(items: list[Any]) -> list[Mapping[str, Any]]:
    """The entries of a list of shots; none where one of them is no object, because it would be lost."""
    rows = [as_mapping(item) for item in items]
    return [] if None in rows else [row for row in rows if row is not None]


def has(row: Mapping[str, Any], *names: str) -> bool:
    keys = {words.plain(key) for key in row}
    return all(words.plain(name) in keys for name in names)


def others(data: object, *left_out: str) -> dict[str, Any]:
    """The fields of the document around the shots, verbatim."""
    outer = as_mapping(data) or {}
    gone = {words.plain(name) for name in left_out}
    return {key: value for key, value in outer.items() if words.plain(key) not in gone}
