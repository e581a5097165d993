"""The clips of a cut as local files, on little disk: film and bundle are made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.storage import Store


class LocalClips(Mapping[str, Path]):
    """The file of each shot's clip: where it lies if the store is a folder, else a copy that is fetched when asked for.

    `paths` is where each clip is in the store, by shot id. Asking for a file raises StorageProblem where the store
    does not give it.
    """

    def __init__(self, store: Store, paths: Mapping[str, str], scratch: Path) -> None:
        self._store = store
        self._paths = paths
        self._scratch = scratch

    def __getitem__(self, shot_id: str) -> Path:
        path = self._paths[shot_id]
        if (local := self._store.local_path(path)) is not None and local.is_file():
            return local
        # Where nothing of that name can be read, this says so.
        copy = self._scratch / Path(path).name
        if not copy.exists():
            self._store.get_file(path, copy)
        return copy

    def __contains__(self, shot_id: object) -> bool:
        # Without fetching it.
        return shot_id in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def is_copy(self, file: Path) -> bool:
        """Whether it was copied for this, so that it may be deleted."""
        return file.parent == self._scratch

    def drop(self, *shot_ids: str) -> None:
        """Give back the disk that copies take; whoever asks again gets another."""
        for shot_id in shot_ids or self._paths:
            (self._scratch / Path(self._paths[shot_id]).name).unlink(missing_ok=True)
