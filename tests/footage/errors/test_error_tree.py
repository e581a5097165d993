"""The drawing at the head of the errors is the tree that the code has, exit codes included."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import footage
from footage import errors
from footage.errors import FootageError


def below(kind: type[FootageError]) -> Iterator[type[FootageError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("footage."):
            yield child
            yield from below(child)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn: dict[str, tuple[str | None, int]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│├└─ ]*)([A-Z]\w+)(?: +(\d))?", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        above[depth:] = [found[2]]
        drawn[found[2]] = (above[depth - 1] if depth else None, int(found[3] or 1))
    real: dict[str, tuple[str | None, int]] = {FootageError.__name__: (None, FootageError.exit_code)}
    for kind in below(FootageError):
        (parent,) = kind.__bases__
        real[kind.__name__] = (parent.__name__, kind.exit_code)

    assert drawn == real


def test_all_of_the_tree_stands_where_it_is_drawn() -> None:
    for module in pkgutil.walk_packages(footage.__path__, "footage."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    elsewhere = {kind for kind in below(FootageError) if kind.__module__ != errors.__name__}

    assert elsewhere == set()
