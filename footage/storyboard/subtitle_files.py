"""Subtitle files that a board names, read before anything is bought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.privacy.display import shown
from footage.storyboard.board import Board
from footage.storyboard.board_files import invalid_file, open_board_file
from footage.storyboard.film_options import SubtitleFiles
from footage.subtitles import Cue, NotSubtitlesError, language_named, language_of, read_subtitles
from footage.subtitles.srt_vtt import MAX_BYTES

_ALLOWED = "a path of an SRT or WebVTT file"


@dataclass(frozen=True)
class GivenSubtitles:
    """Cues by language tag: of the whole film, and of single shots, whose times count from the clip's start."""

    film: Mapping[str, tuple[Cue, ...]] = field(default_factory=dict[str, tuple[Cue, ...]])
    shots: Mapping[str, Mapping[str, tuple[Cue, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[Cue, ...]]]
    )


def given_subtitles(board: Board, roots: InputRoots | None) -> tuple[GivenSubtitles, list[Problem]]:
    """Read every subtitle file of the board; a problem for each one that cannot be taken."""
    problems: list[Problem] = []
    usual, of_film = board.film.language, board.film.subtitles
    film = {} if isinstance(of_film, bool) else _read(of_film, "film.subtitles", usual, roots, problems)
    shots = {
        shot.id: _read(shot.subtitles, f"shots[{shot.id}].subtitles", usual, roots, problems)
        for shot in board.shots
        if shot.subtitles is not None
    }
    return GivenSubtitles(film, shots), problems


def _read(
    files: SubtitleFiles, name: str, usual: str | None, roots: InputRoots | None, problems: list[Problem]
) -> dict[str, tuple[Cue, ...]]:
    found: dict[str, tuple[Cue, ...]] = {}
    for tag, path, where in _named(files, name):
        try:
            cues = read_subtitles(_bytes_of(path, where, roots))
        except InvalidRequest as error:
            problems += error.problems
        except NotSubtitlesError as error:
            problems.append(Problem(where, shown(path), f"is no readable subtitle file: {error}", _ALLOWED))
        else:
            tag = tag or usual or language_of("".join(cue.text for cue in cues)).tag
            found[language_named(tag).tag] = cues
    return found


def _named(files: SubtitleFiles, name: str) -> Iterator[tuple[str | None, str, str]]:
    if isinstance(files, str):
        yield None, files, name
    else:
        yield from ((tag, path, f"{name}.{tag}") for tag, path in files.items())


def _bytes_of(path: str, where: str, roots: InputRoots | None) -> bytes:
    with open_board_file(path, where, _ALLOWED, roots) as file:
        try:
            return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise invalid_file(path, where, _ALLOWED, f"cannot be read: {error.strerror}") from None
