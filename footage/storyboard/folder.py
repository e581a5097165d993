"""A board's folder in the store, `storyboards/<title>/`: the same at every run, and no other board's of that title.

A title whose letters no file name can have gets a hash, and another board of the same title a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from footage.errors import InvalidRequest, NotThere, Problem
from footage.privacy.display import shown
from footage.privacy.redact import redact
from footage.storyboard.board import REQUEST_FIELDS
from footage.storyboard.cut import file_name
from footage.storyboard.film_options import FilmOptions

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.board import Board

ROOT = "storyboards"
# What a shot says beside it is for the cut alone.
_OF_CLIPS = REQUEST_FIELDS | {"id", "start_from", "takes", "characters"}


def claim_folder(store: Store, board: Board) -> str:
    """Write the board itself into its folder; returns the folder.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    folder = folder_of(store, board)
    store.replace(f"{folder}/board.json", board_json(board))
    return folder


def kept_board(store: Store, name: str) -> dict[str, Any]:
    """The board of the folder with that name, as it was kept: without secrets.

    Raises:
        InvalidRequest: There is no such folder, or it holds no board.
        StorageProblem: The store cannot be read.
    """
    try:
        found = json.loads(store.read(f"{ROOT}/{file_name(name, otherwise='storyboard')}/board.json"))
        _shots(found)
    except (NotThere, ValueError, LookupError, TypeError, AttributeError):
        known = ", ".join(store.folders(ROOT)[:20]) or "none yet"
        problem = Problem("board", shown(name), "is neither a file nor a board of this store", known)
        raise InvalidRequest(problems=(problem,)) from None
    return found


def asks_the_same(board: Board, kept: Mapping[str, Any]) -> bool:
    """Whether a board asks for the very clips for which the one asks that is kept."""
    return _asked(json.loads(board_json(board))) == _asked(kept)


def _asked(board: Mapping[str, Any]) -> list[Any]:
    shots = [{name: shot[name] for name in shot if name in _OF_CLIPS} for shot in board["shots"]]
    return [board.get("defaults"), board.get("characters"), shots]


def kept_film(store: Store, folder: str) -> FilmOptions | None:
    """What the board that is kept there says of its film; None where there is none, or it cannot be read.

    Raises:
        StorageProblem: The store cannot be read.
    """
    try:
        return FilmOptions.model_validate(json.loads(store.read(f"{folder}/board.json")).get("film", {}))
    except (NotThere, ValueError, LookupError, TypeError, AttributeError):
        return None


def board_json(board: Board) -> bytes:
    """The board as it is kept."""
    return to_json(board.model_dump(mode="json", by_alias=True))


def to_json(document: Any) -> bytes:
    """A document of the folder as indented JSON, without secrets."""
    return (json.dumps(redact(document), ensure_ascii=False, indent=2, default=str) + "\n").encode()


def folder_of(store: Store, board: Board) -> str:
    """The board's folder, also of a changed board, whether it is there yet or not.

    Raises:
        StorageProblem: The store cannot be read.
    """
    base = f"{ROOT}/{file_name(board.title, otherwise='storyboard')}"
    # As it is kept: what looks like a secret in a prompt is not.
    shots = _shots(redact(board.model_dump(mode="json")))
    folder, number = base, 1
    while _of_another_board(store, folder, shots):
        number += 1
        folder = f"{base}-{number}"
    return folder


def _of_another_board(store: Store, folder: str, shots: set[tuple[str, str | None]]) -> bool:
    """Whether a board lies there that has no shot in common, by id and prompt, with these."""
    try:
        return not shots & _shots(json.loads(store.read(f"{folder}/board.json")))
    except NotThere:
        return False
    except (ValueError, LookupError, TypeError, AttributeError):
        # Whoever wrote that, it is no board of ours; all shots are paid for, and must get their cut.
        return True


def _shots(board: Mapping[str, Any]) -> set[tuple[str, str | None]]:
    usual = board.get("defaults", {}).get("prompt")
    return {(shot["id"], shot.get("prompt", usual)) for shot in board["shots"]}
