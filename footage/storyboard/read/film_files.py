"""Paths in a board, a map file or a command: where they count from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.storyboard.read.plain_data import as_mapping


def path_below(source: Any, base: Path | None) -> Any:
    """A relative path as a whole one below `base`; addresses, whole paths and what is no text stay as they are."""
    if (
        base is None
        or not isinstance(source, str)
        or source.startswith(("http:", "https:", "data:", "file:", "~", "/"))
    ):
        return source
    return str((base / source).absolute())


def film_below(film: Mapping[str, Any], base: Path | None) -> dict[str, Any]:
    """The film's fields, with the paths of its subtitles and its music as whole ones."""
    film = subtitles_below(film, base)
    music = film.get("music")
    if (fields := as_mapping(music)) is not None:
        return {**film, "music": {**fields, "file": path_below(fields.get("file"), base)}}
    return {**film, "music": path_below(music, base)} if "music" in film else film


def subtitles_below(fields: Mapping[str, Any], base: Path | None) -> dict[str, Any]:
    """The fields of a shot or a film, with the paths of its subtitles as whole ones."""
    if "subtitles" not in fields:
        return dict(fields)
    files = fields["subtitles"]
    if (by_language := as_mapping(files)) is not None:
        return {**fields, "subtitles": {tag: path_below(file, base) for tag, file in by_language.items()}}
    return {**fields, "subtitles": path_below(files, base)}
