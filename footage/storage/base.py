"""What every store can do, and the promises that hold on each of them.

A name never shows a half-written object: what is published appears whole or not at all, also when the
process is killed in the middle. `create` is the one operation that decides a race, so it is exclusive on
every store: of several writers with different content exactly one wins.

Equal content counts as ours. A PUT whose answer was lost is sent again by the HTTP layer and then loses
against itself (the same was seen by Trino, trinodb/trino#27400), so "exists with the same bytes" is
success. Whoever needs to be the only one must therefore write something of their own into the object:
an owner, a time, a random number.
"""

from __future__ import annotations

import errno
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from footage.errors import AlreadyThere, FootageError, NotAFile, NotThere, StorageProblem

# What a folder answers where there is a folder, a device or a link in the place of a file.
_NO_FILE = (errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.ELOOP)

# The longest name that every common file system takes is 255 bytes; temporary names add to it.
_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,160}")
# Of an object that is not ours.
_ANY_SEGMENT = re.compile(r"[^/\0]+")


@dataclass(frozen=True)
class ObjectFacts:
    """What a store tells of an object without giving its bytes; `sha256` only where it was kept beside them."""

    size_bytes: int
    sha256: str | None = None


class Store(ABC):
    """A place for objects, addressed by relative paths such as "videos/<key>.mp4".

    Paths are "/"-separated; each part is 1 to 160 characters of A-Z a-z 0-9 . _ - and neither "." nor "..".
    All methods block; all may be called from several threads at once.
    """

    # Whether each question costs money and time, and an object can only be written as a whole.
    remote = True

    def __init__(self, url: str, *, public_base_url: str | None, sign_seconds: int | None) -> None:
        self.url = url
        # Where a store is asked over the network, for those who say which way that goes.
        self.network_address: str | None = None
        self._public_base_url = public_base_url.rstrip("/") if public_base_url else None
        self._sign_seconds = sign_seconds

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def __reduce__(self) -> NoReturn:
        # A pickled fsspec file system holds its secrets in clear, and Prefect pickles what tasks return.
        raise TypeError("A store is not pickled, because it may hold credentials; open it again instead.")

    # ------------------------------------------------------------------ reading

    def read(self, path: str, *, max_bytes: int | None = None) -> bytes:
        """Return the whole object, or its first `max_bytes`; meant for evidence, not for videos. Raises NotThere."""
        with self._doing("read", path):
            return self._read(path, max_bytes)

    def get_file(self, path: str, local: Path) -> None:
        """Copy the object into the local file, replacing it, in bounded memory. Raises NotThere."""
        with self._doing("fetch", path):
            self._get_file(path, local)

    def get_foreign_file(self, path: str, local: Path, *, max_bytes: int) -> bool:
        """As `get_file`, of what somebody else named, in whatever characters; False, and no copy, where it is larger.

        Raises:
            NotThere: There is no such object.
        """
        with self._doing("fetch", path, any_name=True):
            facts = self._facts(path) if _is_path(path, _ANY_SEGMENT) else None
            if facts is None:
                raise FileNotFoundError(path)
            if facts.size_bytes > max_bytes:
                return False
            self._get_file(path, local)
            return True

    def exists(self, path: str) -> bool:
        """Say whether the object is there now; nothing is answered from a cache."""
        with self._doing("look for", path):
            return self._facts(path) is not None

    def size(self, path: str) -> int:
        """Return the object's size in bytes. Raises NotThere."""
        with self._doing("look for", path):
            facts = self._facts(path)
            if facts is None:
                raise FileNotFoundError(path)
            return facts.size_bytes

    def facts(self, path: str) -> ObjectFacts | None:
        """What the store tells of the object in one question; None when there is none."""
        with self._doing("look for", path):
            return self._facts(path)

    def sha256(self, path: str, *, read: bool = False) -> str:
        """Return the SHA-256 of the object's bytes in hex; `read`: of what is there, not as kept beside it.

        Raises:
            NotThere: There is no such object.
        """
        with self._doing("read", path):
            return self._sha256(path, read=read)

    def list(self, prefix: str = "") -> list[str]:
        """Return every path below the folder `prefix` ("" is the root), sorted; a missing folder is empty."""
        folder = prefix.strip("/")
        with self._doing("list", folder, empty_allowed=True):
            return sorted(self._list(folder))

    def list_beginning(self, prefix: str, beginning: str) -> list[str]:
        """As `list`, of what begins with `beginning` right below the folder; a store is asked for nothing else."""
        folder = prefix.strip("/")
        with self._doing("list", folder):
            return sorted(self._list_beginning(folder, beginning))

    def walk(self, prefix: str) -> Iterator[str]:
        """Yield every path below a folder in any order, for those who need not have all at once."""
        folder = prefix.strip("/")
        with self._doing("list", folder):
            yield from self._paths(folder)

    def list_dated(self, prefix: str) -> Iterator[tuple[str, datetime | None]]:
        """Yield every path below a folder and when it was written last, by the store's clock; None: it does not tell.

        What is in one folder comes together.
        """
        folder = prefix.strip("/")
        with self._doing("list", folder):
            yield from self._list_dated(folder)

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below `prefix`, sorted; none of them is looked into."""
        folder = prefix.strip("/")
        with self._doing("list", folder, empty_allowed=True):
            return sorted(self._folders(folder))

    # ------------------------------------------------------------------ writing

    def create(self, path: str, data: bytes) -> None:
        """Write an object that must not be there yet.

        Raises:
            AlreadyThere: The object exists with other content; it was not touched.
        """
        with self._doing("create", path):
            self._create(path, data)

    def create_file(self, path: str, local: Path) -> None:
        """Publish a whole local file under a name that must not be taken yet, in one step.

        Raises:
            AlreadyThere: The object exists with other content; it was not touched.
        """
        with self._doing("create", path):
            self._create(path, local)

    def replace(self, path: str, data: bytes) -> None:
        """Write an object whether it is there or not; readers see the old or the new one."""
        with self._doing("write", path):
            self._replace(path, data)

    def replace_file(self, path: str, local: Path) -> None:
        """Publish a whole local file whether the name is taken or not; readers see the old or the new one."""
        with self._doing("write", path):
            self._replace(path, local)

    def append(self, path: str, data: bytes) -> None:
        """Add bytes at the end of an object, which is made when missing.

        Objects cannot grow, so stores other than a folder read and replace: one writer per path.
        """
        with self._doing("append to", path):
            self._append(path, data)

    def delete(self, path: str) -> None:
        """Remove the object; a missing one is fine, because object stores do not tell."""
        with self._doing("delete", path):
            self._delete(path)

    # ------------------------------------------------------------------ addresses

    def url_of(self, path: str) -> str:
        """Return what a user opens: the public address, a signed link, or the plain URL of the object.

        A signed link is a secret for as long as it lasts.
        """
        with self._doing("make a link to", path):
            if self._public_base_url is not None:
                return f"{self._public_base_url}/{quote(path)}"
            if self._sign_seconds is not None:
                return self._signed_url(path, self._sign_seconds)
            return self._plain_url(path)

    def local_path(self, path: str) -> Path | None:
        """The object's file on this machine, whether it is there or not; None where a store is elsewhere."""
        with self._doing("look for", path):
            return self._local_path(path)

    # ------------------------------------------------------------------ trust

    def check_exclusive(self) -> None:
        """Try whether `create` really has one winner; without that two workers buy the same clip twice.

        Four writers create one object under `.checks/` at once; it is deleted afterwards.

        Raises:
            StorageProblem: The store cannot create exclusively, cannot be reached or refuses the credentials.
        """
        path = f".checks/{secrets.token_hex(8)}"
        claims = [secrets.token_bytes(16) for _ in range(4)]

        def claim(data: bytes) -> bytes | None:
            try:
                self.create(path, data)
            except AlreadyThere:
                return None
            return data

        try:
            with ThreadPoolExecutor(len(claims)) as threads:
                told_first = [data for data in threads.map(claim, claims) if data is not None]
            latecomer = claim(secrets.token_bytes(16))
            found = self.read(path)
        finally:
            self.delete(path)
        if len(told_first) != 1 or latecomer is not None or found != told_first[0]:
            winners = len(told_first) + (latecomer is not None)
            raise StorageProblem(
                f"The store {self.url} does not create exclusively: {winners} of 5 writers of the same object "
                "were told that they were first.",
                next_step="Use a folder, AWS S3, Alibaba OSS or an S3 server that honours If-None-Match, or "
                "make sure that only one worker runs.",
            )

    # ------------------------------------------------------------------ for the backends

    @contextmanager
    def _doing(
        self, what: str, path: str, *, empty_allowed: bool = False, any_name: bool = False
    ) -> Generator[None]:
        where = f"{self.url.rstrip('/')}/{path}" if path else self.url
        allowed = any_name or (path == "" and empty_allowed) or _is_path(path, _SEGMENT)
        if not allowed:
            raise StorageProblem(
                f"Could not {what} {path!r} in {self.url}: a path is parts of A-Z a-z 0-9 . _ - (1 to 160 "
                'characters each, neither "." nor "..") joined by "/".'
            )
        try:
            yield
        except FootageError:
            raise
        except FileExistsError as error:
            raise AlreadyThere(
                f"Could not {what} {where}: it exists already, with other content.", path=path
            ) from error
        except Exception as error:
            reason, next_step = self._explain(error)
            if reason is None:
                raise NotThere(f"Could not {what} {where}: it is not there.", path=path) from error
            other = isinstance(error, OSError) and error.errno in _NO_FILE
            raise (NotAFile if other else StorageProblem)(
                f"Could not {what} {where}: {reason}.", next_step=next_step, path=path
            ) from error

    @abstractmethod
    def _explain(self, error: Exception) -> tuple[str | None, str | None]:
        """Turn the backend's error into (reason, next step); reason None: the object is not there."""

    @abstractmethod
    def _read(self, path: str, max_bytes: int | None) -> bytes: ...
    @abstractmethod
    def _get_file(self, path: str, local: Path) -> None: ...
    @abstractmethod
    def _facts(self, path: str) -> ObjectFacts | None: ...
    @abstractmethod
    def _sha256(self, path: str, *, read: bool) -> str: ...
    @abstractmethod
    def _list(self, folder: str) -> list[str]:
        """Every path below the folder. What cannot be listed is an error; only a missing folder is empty."""

    def _list_beginning(self, folder: str, beginning: str) -> list[str]:
        return [path for path in self._list(folder) if path.startswith(f"{folder}/{beginning}")]

    @abstractmethod
    def _list_dated(self, folder: str) -> Iterator[tuple[str, datetime | None]]: ...

    def _paths(self, folder: str) -> Iterator[str]:
        return (path for path, _ in self._list_dated(folder))

    @abstractmethod
    def _folders(self, folder: str) -> list[str]: ...
    @abstractmethod
    def _create(self, path: str, body: bytes | Path) -> None:
        """Publish create-only; FileExistsError when the name is taken by other content."""

    @abstractmethod
    def _replace(self, path: str, body: bytes | Path) -> None: ...
    @abstractmethod
    def _append(self, path: str, data: bytes) -> None: ...
    @abstractmethod
    def _delete(self, path: str) -> None: ...
    @abstractmethod
    def _plain_url(self, path: str) -> str: ...

    def _local_path(self, path: str) -> Path | None:  # noqa: ARG002 - most stores have no files
        return None

    def _signed_url(self, path: str, seconds: int) -> str:
        raise StorageProblem(f"{self.url} cannot make signed links (asked for {path}, {seconds} s).")


def _is_path(path: str, segment: re.Pattern[str]) -> bool:
    return all(segment.fullmatch(part) and part not in {".", ".."} for part in path.split("/"))
