"""The music of a film, checked before anything is bought."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.media import MUSIC_SUFFIXES, Bed, MusicFacts, inspect_music
from footage.media.music_facts import MAX_BYTES, MUSIC_RATE
from footage.privacy.display import shown
from footage.privacy.redact import redact
from footage.storyboard.board_files import invalid_file, open_board_file
from footage.storyboard.music_options import MusicOptions

if TYPE_CHECKING:
    from footage.storyboard.board import Board
    from footage.storyboard.kept_music import KeptMusic

_FIELD = "film.music"
_ALLOWED = f"a path of a {', '.join(MUSIC_SUFFIXES)} file of 1 s to 3 hours, at most 1 GB"
_LINK = re.compile(r"[a-z][a-z0-9+.-]+://|(data|file|https?):", re.IGNORECASE)


@dataclass(frozen=True)
class Music:
    """Music as it was checked: its bytes by their hash, its length in samples of 48 kHz."""

    options: MusicOptions
    sha256: str
    samples: int
    # Where it is read; None: only the board's folder of the store has it.
    file: Path | None

    @property
    def name(self) -> str:
        """The file's own name."""
        return _name_in(self.options.file)

    @property
    def suffix(self) -> str:
        return PurePath(self.options.file).suffix.lower()

    @property
    def kept_as(self) -> str:
        """The file's name in the board's folder."""
        return f"music{self.suffix}"

    @property
    def duration_s(self) -> float:
        return self.samples / MUSIC_RATE

    def in_words(self) -> str:
        """Its name, its length and how it is laid under the film."""
        said = self.options
        how = [f"{said.gain_db:g} dB", *(["lower under the clips' sound"] if said.duck else [])]
        how += ["repeated where the film is longer"] if said.loop else []
        return f"{self.name}, {self.duration_s:.1f} s, {', '.join(how)}"

    def bed(self) -> Bed:
        """As it is laid under the film. Raises ValueError while it is only in the store."""
        if self.file is None:
            raise ValueError("the music is not on this machine")
        said = self.options
        return Bed(
            self.file, self.suffix, self.samples, said.gain_db, said.duck, said.loop, said.fade_in,
            said.fade_out,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What a report or a timeline says of it: nothing of its content."""
        said = self.options
        return {
            "file": self.name,
            "sha256": self.sha256,
            "gain_db": said.gain_db,
            "duck": said.duck,
            "loop": said.loop,
            "fade_in": said.fade_in,
            "fade_out": said.fade_out,
        }


def given_music(
    board: Board, roots: InputRoots | None, kept: Callable[[], KeptMusic | None] | None = None
) -> tuple[Music | None, list[Problem]]:
    """The music of a board, decoded once to its end; or what is wrong with it.

    A file that cannot be opened here is taken from the board's folder, if that keeps one of its name.
    """
    options = board.film.music
    if options is None:
        return None, []
    path = options.file
    if _LINK.match(path):
        return None, [Problem(_FIELD, shown(path), "is a link, and music is read from a file", _ALLOWED)]
    if PurePath(path).suffix.lower() not in MUSIC_SUFFIXES:
        return None, [Problem(_FIELD, shown(path), "has not the ending of a music file", _ALLOWED)]
    try:
        file = open_board_file(path, _FIELD, _ALLOWED, roots)
    except InvalidRequest as error:
        known = kept() if kept is not None else None
        if known is not None and known.file == redact(_name_in(path)):
            return Music(options, known.sha256, known.samples, None), []
        return None, list(error.problems)
    with file:
        size_bytes = os.fstat(file.fileno()).st_size
        if not size_bytes:
            return None, [Problem(_FIELD, shown(path), "is empty", _ALLOWED)]
        if size_bytes > MAX_BYTES:
            return None, [Problem(_FIELD, shown(path), f"has {size_bytes:,} bytes", _ALLOWED)]
        try:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return None, list(
                invalid_file(path, _FIELD, _ALLOWED, f"cannot be read: {error.strerror}").problems
            )
    local = Path(path).expanduser()
    facts = _inspected(local, sha256)
    if facts.problem is not None:
        return None, [Problem(_FIELD, shown(path), facts.problem, _ALLOWED)]
    return Music(options, sha256, facts.samples, local), []


def _name_in(path: str) -> str:
    """The file's own name; a board may come from a machine with the other kind of slash."""
    return PureWindowsPath(path).name


# A board is planned several times in one run, and the same bytes sound the same.
_SOUND: dict[tuple[str, str], MusicFacts] = {}


def _inspected(file: Path, sha256: str) -> MusicFacts:
    suffix = file.suffix.lower()
    facts = _SOUND.get((sha256, suffix)) or inspect_music(file, suffix, sha256)
    if facts.problem is None:
        _SOUND[sha256, suffix] = facts
    return facts
