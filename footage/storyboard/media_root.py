"""Where a clip lies on the machine of an editor: beside the timelines, or below a folder that the board names.

Premiere on Windows wants drives as `file://localhost/C%3a/…`, Resolve forward slashes alone; spaces and what is no
ASCII are percent-encoded for both. A share is a `file:` address with its server.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator

_DRIVE = re.compile(r"([A-Za-z]):/")
_ALLOWED = (
    r"a folder with its whole path, such as D:\films, /Volumes/films, \\server\films or file:///D:/films"
)


def _checked(root: str) -> str:
    """Raises ValueError for what is no folder on a machine."""
    if any(ord(char) < 32 for char in root) or _path(root) is None:
        raise ValueError(f"write {_ALLOWED}")
    return root


MediaRoot = Annotated[str, AfterValidator(_checked)]


def pathurl(path: str, root: str | None) -> str:
    """The address for an editor of a clip, given by its path relative to the board's folder; without a root that path.

    OpenTimelineIO's `filepath_from_url` gives the path back; its `url_from_filepath` writes neither drives nor shares.
    """
    if root is None:
        return quote(path)
    # The board's folder lies two levels below the root.
    whole = f"{(_path(root) or '').rstrip('/')}/{path.removeprefix('../../')}"
    if whole.startswith("//"):
        return f"file:{quote(whole)}"
    drive = _DRIVE.match(whole)
    if drive is not None:
        return f"file://localhost/{drive[1]}%3a/{quote(whole[3:])}"
    return f"file://localhost{quote(whole)}"


def _path(root: str) -> str | None:
    """The folder with forward slashes; None where it is no whole path."""
    path = root.strip().replace("\\", "/")
    if path.casefold().startswith("file:"):
        try:
            parts = urlsplit(path)
        except ValueError:
            return None
        if "@" in parts.netloc or parts.query or parts.fragment:
            return None
        path = unquote(parts.path)
        if re.fullmatch(r"[A-Za-z]:", parts.netloc):
            # file://D:/films, which is often written for file:///D:/films.
            path = parts.netloc + path
        elif parts.netloc.casefold() not in ("", "localhost"):
            path = f"//{parts.netloc}{path}"
        elif _DRIVE.match(path[1:]):
            path = path[1:]
    if re.fullmatch(r"[A-Za-z]:", path):
        path += "/"
    share = re.match(r"//[^/]+/[^/]", path)
    whole = share if path.startswith("//") else path.startswith("/") or _DRIVE.match(path)
    return path if whole else None
