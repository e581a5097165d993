"""The music of a film in the board's folder, `music.<ext>`; outputs.json says which file it was.

Kept before anything is bought, so that the film can be cut again when the file is gone, or from another machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from footage.errors import InvalidRequest, NotThere
from footage.evidence.records import Name, Sha256
from footage.media import MUSIC_RATE, MUSIC_SUFFIXES
from footage.media.music_facts import MAX_S, MIN_S
from footage.privacy.redact import redact
from footage.scratch import scratch_folder
from footage.storage.sha256 import sha256_of
from footage.storyboard.board_files import invalid_file, open_board_file
from footage.storyboard.music import Music
from footage.storyboard.outputs import Outputs

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan

_NAMES = tuple(f"music{suffix}" for suffix in MUSIC_SUFFIXES)
_FIELD, _ALLOWED = "film.music", "the file as it was checked"
_CHUNK_BYTES = 1 << 20


class KeptMusic(BaseModel):
    """Which file the music of the folder was, and how many samples of 48 kHz it has."""

    model_config = ConfigDict(frozen=True)

    file: Name
    samples: Annotated[int, Field(ge=MIN_S * MUSIC_RATE, le=MAX_S * MUSIC_RATE)]
    sha256: Sha256


def kept_music(store: Store, folder: str) -> KeptMusic | None:
    """What the folder keeps; None: nothing that can be read.

    Raises:
        StorageProblem: The store cannot be read.
    """
    outputs = Outputs(store, folder)
    for name in _NAMES:
        record = outputs.intact(name)
        try:
            if record is not None:
                return KeptMusic.model_validate(record.facts | {"sha256": record.sha256})
        except ValidationError:
            continue
    return None


def keep_music(store: Store, folder: str, music: Music | None) -> None:
    """Put the music of a plan into the board's folder, unless it is there.

    Raises:
        InvalidRequest: It is neither there nor, with the bytes that were checked, where the board says.
        StorageProblem: The store cannot be read or written.
    """
    if music is None:
        return
    outputs = Outputs(store, folder)
    if _put(outputs, music):
        outputs.keep(*(name for name in outputs.before if name not in _NAMES))
        outputs.finish()


def with_local_music(
    store: Store, folder: str, outputs: Outputs, plan: BoardPlan, scratch: Path
) -> tuple[BoardPlan, list[str]]:
    """The plan with its music as a file of this machine; without it, and why, where it cannot be had any more.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    music = plan.music
    if music is None:
        return plan, []
    path = f"{folder}/{music.kept_as}"
    try:
        _put(outputs, music)
        local = store.local_path(path)
        if local is None:
            local = scratch / music.kept_as
            store.get_file(path, local)
        if sha256_of(local) != music.sha256:
            raise _wrong(music, "has other bytes by now in the board's folder")
    except (InvalidRequest, NotThere) as error:
        # Of a run that knows the music better.
        outputs.keep(*_NAMES)
        why = "; ".join(problem.message for problem in getattr(error, "problems", ())) or error.message
        return replace(plan, music=None), [f"No music in the film: {music.name} {why}"]
    return replace(plan, music=replace(music, file=local)), []


def _put(outputs: Outputs, music: Music) -> bool:
    """Whether it had to be written."""
    made_from = {"music": music.sha256, "file": redact(music.name)}
    if outputs.unchanged(music.kept_as, made_from) is not None:
        return False
    with scratch_folder() as scratch:
        copy = scratch / music.kept_as
        _copy(music, copy)
        outputs.put_file(music.kept_as, copy, made_from, {"file": music.name, "samples": music.samples})
    return True


def _copy(music: Music, copy: Path) -> None:
    if music.file is None:
        raise _wrong(music, "is neither there nor, as it was checked, in the board's folder")
    digest = hashlib.sha256()
    # Whatever lies there by now, only the bytes that were checked are taken.
    with open_board_file(str(music.file), _FIELD, _ALLOWED, None) as source, copy.open("wb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    if digest.hexdigest() != music.sha256:
        raise _wrong(music, "changed since it was checked")


def _wrong(music: Music, message: str) -> InvalidRequest:
    return invalid_file(music.options.file, _FIELD, _ALLOWED, message)
