"""The boards that are looked at: the one whose file was given, and every other one of the store."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from footage.errors import InvalidRequest, NotThere, Problem
from footage.privacy.display import shown
from footage.storyboard.folder import ROOT, folder_of, kept_board
from footage.storyboard.prepared_board import PreparedBoard, prepare_board
from footage.storyboard.read import Settlement
from footage.storyboard.recut import recut
from footage.storyboard.retake_wish import RetakeWish
from footage.storyboard.review_page.review_document import review_document
from footage.storyboard.selection import selected
from footage.storyboard.take_list import read_takes, read_verdicts
from footage.storyboard.verdict_log import Words, picks_jsonl, say

if TYPE_CHECKING:
    from footage.context import Context
    from footage.errors.actions import Action
    from footage.storyboard.review_records import VerdictRecord


@dataclass(frozen=True)
class BoardFile:
    """A board's file, and what a person said about how it is read and what it may cost."""

    path: str
    defaults: Mapping[str, Any] | None
    settled: Settlement
    caps: Mapping[str, float | None]


class _AppLinks:
    def __init__(self, name: str) -> None:
        self._name = name

    def video(self, key: str) -> str:
        return f"/media/{key}.mp4"

    def poster(self, key: str) -> str:
        return f"/media/{key}.jpg"

    def film(self) -> str:
        return f"/media/boards/{quote(self._name, safe='')}/film.mp4"


class ReviewedBoards:
    """Every board of one store by the name of its folder; all methods may raise StorageProblem. Thread-safe."""

    def __init__(
        self,
        context: Context,
        file: BoardFile | None,
        write: Callable[[Action], str],
        *,
        name: str | None = None,
    ) -> None:
        """`name`: the board to begin with, where no file was given.

        Raises:
            InvalidRequest: The file is no board that can be made, or the store has none of that name.
        """
        self._context = context
        self._file = file
        self._write = write
        self._lock = threading.Lock()
        self._prepared: dict[str, tuple[object, PreparedBoard]] = {}
        # The name of the folder of the file's board, or of the one to begin with.
        self.own: str | None = None
        if file is not None:
            self.own = self._named(self._read_file(file).plan)
        elif name is not None:
            self.own = self._named(prepare_board(context, kept_board(context.store, name)).plan)

    def names(self) -> list[str]:
        """All boards of the store, and the file's, whether anything of it was made or not."""
        return sorted({*self._context.store.folders(ROOT), *filter(None, [self.own])})

    def require(self, name: str) -> None:
        """Raises NotThere when there is no such board."""
        if name not in self.names():
            raise NotThere(f"There is no board {shown(name)} in this store.")

    def document(self, name: str) -> dict[str, Any]:
        """What the page shows of a board. Raises NotThere, and InvalidRequest where it cannot be read any more."""
        store, plan = self._context.store, self.plan(name)
        folder = f"{ROOT}/{name}"
        takes = read_takes(store, folder)
        outcomes = selected(store, plan, {}, takes)
        board = self._file.path if self._file is not None and name == self.own else None
        return review_document(store, plan, folder, takes, outcomes, _AppLinks(name), self._write, board)

    def plan(self, name: str) -> Any:
        """The plan of a board. Raises NotThere, InvalidRequest."""
        return self._board(name).plan

    def say(self, name: str, shot: str, take: str, words: Words) -> VerdictRecord:
        """Write down a verdict. Raises NotThere, InvalidRequest."""
        self.require(name)
        return say(self._context.store, f"{ROOT}/{name}", shot, take, words)

    def cut(self, name: str) -> None:
        """Make the cut that follows from the verdicts; buys nothing. Raises NotThere, InvalidRequest."""
        settings = self._context.settings
        recut(self._context.store, self.plan(name), settings.labelling, settings.signing)

    def is_cut(self, name: str) -> bool:
        """Whether the last cut knows all verdicts; one that was asked for may have been lost with its process."""
        store, folder = self._context.store, f"{ROOT}/{name}"
        said = picks_jsonl(read_verdicts(store, folder))
        try:
            return store.read(f"{folder}/picks.jsonl") == said
        except NotThere:
            return not said

    def for_retake(self, name: str, wish: RetakeWish) -> tuple[BoardFile, PreparedBoard]:
        """The board with the take that is wished for, read, checked and priced now.

        Raises:
            NotThere: There is no such board.
            InvalidRequest: The wish is none, or the board's file was not given.
        """
        self.require(name)
        file = self._file
        if file is None or name != self.own:
            why = "a retake is bought from the board's own file, and the app was not started with it"
            raise InvalidRequest(problems=(Problem("board", name, why),), next_step="wan-video review FILE")
        return file, self._read_file(file, (wish,))

    def _board(self, name: str) -> PreparedBoard:
        self.require(name)
        if self._file is not None and name == self.own:
            file = self._file
            seen: object = self._seen_file(file, name)
            return self._kept(name, seen, lambda: self._read_file(file))
        document = kept_board(self._context.store, name)
        digest = hashlib.sha256(repr(document).encode()).hexdigest()
        seen = (digest, self._retakes(name), self._seen_music(name))
        return self._kept(name, seen, lambda: prepare_board(self._context, document))

    def _kept(self, name: str, seen: object, read: Callable[[], PreparedBoard]) -> PreparedBoard:
        with self._lock:
            known = self._prepared.get(name)
            if known is None or known[0] != seen:
                known = self._prepared[name] = (seen, read())
            return known[1]

    def _read_file(self, file: BoardFile, wishes: Sequence[RetakeWish] = ()) -> PreparedBoard:
        return prepare_board(
            self._context,
            file.path,
            defaults=file.defaults,
            settled=file.settled,
            caps=file.caps,
            wishes=wishes,
            film_as_kept=True,
        )

    def _seen_file(self, file: BoardFile, name: str) -> object:
        try:
            facts = Path(file.path).stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, self._retakes(name), self._seen_music(name)

    def _seen_music(self, name: str) -> tuple[int, int] | None:
        """What tells whether the music under the film is still the file that was read."""
        known = self._prepared.get(name)
        music = known[1].plan.music if known is not None else None
        if music is None or music.file is None:
            return None
        try:
            facts = music.file.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size

    def _retakes(self, name: str) -> tuple[str, ...]:
        return tuple(self._context.store.list(f"{ROOT}/{name}/retakes"))

    def _named(self, plan: Any) -> str:
        return folder_of(self._context.store, plan.board).rpartition("/")[2]
