"""Bytes of a board file -> plain data, with a mistake named by its line.

A board comes from strangers: an e-mail, a web form, another tool. So its size, its depth and what its
aliases unfold to are bounded, and nothing in it can construct an object.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, cast

from footage import strict_json
from footage.errors import InvalidRequest, Problem

# The largest board we know of (2,000 shots with 1,500-character prompts in three languages) is 9 MB.
MAX_BYTES = 16 * 1024 * 1024
# Aliases let 1 KB of YAML unfold to gigabytes ("billion laughs"). 2,000 shots of 100 values are 200,000.
MAX_VALUES = 1_000_000
MAX_DEPTH = 60


def unreadable(message: str, *, line: int | None = None, name: str = "storyboard") -> InvalidRequest:
    where = f"{name}, line {line}" if line is not None else name
    return InvalidRequest(
        f"{where}: {message}",
        problems=(Problem(field=name, value=where, message=message),),
        next_step="correct the storyboard file; nothing was bought",
        line=line,
    )


def decode(data: bytes, *, name: str) -> tuple[str, str | None]:
    """Text of a board file, and the encoding when it had to be guessed (None: it said so, or UTF-8)."""
    if len(data) > MAX_BYTES:
        raise unreadable(f"the file has {len(data):,} bytes, allowed are {MAX_BYTES:,}", name=name)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codec, guessed = "utf-16", None
    else:
        codec, guessed = "utf-8-sig", None
    try:
        return data.decode(codec), guessed
    except UnicodeDecodeError:
        pass
    # Excel on a Chinese Windows saves CSV as GBK without saying so.
    try:
        return data.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:
        raise unreadable("the file is neither UTF-8, UTF-16 nor GB18030 text", name=name) from error


def parse_json(text: str, *, name: str) -> Any:
    try:
        value = strict_json.parse(text)
    except strict_json.NotJson as error:
        raise unreadable(error.message, line=error.line, name=name) from error
    except RecursionError as error:
        raise unreadable(f"nested deeper than {MAX_DEPTH} levels", name=name) from error
    _check_bounds(value, name)
    return value


def parse_yaml(text: str, *, name: str) -> Any:
    import yaml

    try:
        value = yaml.load(text, Loader=_board_loader())  # noqa: S506 - a SafeLoader, narrowed further
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise unreadable(f"not valid YAML: {error.problem or error.context}", line=line, name=name) from error
    except (yaml.YAMLError, ValueError) as error:
        raise unreadable(f"not valid YAML: {error}", name=name) from error
    except RecursionError as error:
        raise unreadable(f"nested deeper than {MAX_DEPTH} levels", name=name) from error
    _check_bounds(value, name)
    return value


_loader: Any = None


def _board_loader() -> Any:
    """PyYAML's SafeLoader with YAML 1.2's plain scalars, and no key twice.

    YAML 1.1 reads the shot ids `010`, `no` and `12:30` as 8, False and 750.
    """
    global _loader
    if _loader is not None:
        return _loader
    import re

    import yaml

    class BoardLoader(yaml.SafeLoader):
        pass

    BoardLoader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
        ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        ("tag:yaml.org,2002:int", r"^(?:0|[-+]?[1-9][0-9]*)$", list("-+0123456789")),
        (
            "tag:yaml.org,2002:float",
            r"^[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?$",
            list("-+.0123456789"),
        ),
        ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("tag:yaml.org,2002:merge", r"^(?:<<)$", ["<"]),
    ):
        BoardLoader.add_implicit_resolver(tag, re.compile(pattern), first)

    def construct(loader: Any, node: Any) -> Any:
        keys: set[str] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key, str) or key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the field {key!r} is given twice", key_node.start_mark
                )
            keys.add(key)
        loader.flatten_mapping(node)
        result: dict[Any, Any] = {}
        yield result
        result.update(loader.construct_mapping(node, deep=True))

    BoardLoader.add_constructor("tag:yaml.org,2002:map", construct)
    _loader = BoardLoader
    return _loader


def _check_bounds(value: Any, name: str) -> None:
    """Refuse what would unfold to too many values or too deep, aliases counted each time they are used."""
    counted: dict[int, int] = {}
    open_now: set[int] = set()

    def count(item: Any, depth: int) -> int:
        if not isinstance(item, dict | list):
            return 1
        if depth > MAX_DEPTH:
            raise unreadable(f"nested deeper than {MAX_DEPTH} levels", name=name)
        mark = id(cast("object", item))
        if mark in open_now:
            raise unreadable("an alias contains itself", name=name)
        if mark not in counted:
            open_now.add(mark)
            parts: Any = (
                list(cast("dict[Any, Any]", item).values())
                if isinstance(item, dict)
                else cast("list[Any]", item)
            )
            counted[mark] = 1 + sum(count(part, depth + 1) for part in parts)
            open_now.discard(mark)
        if counted[mark] > MAX_VALUES:
            raise unreadable(f"more than {MAX_VALUES:,} values", name=name)
        return counted[mark]

    count(value, 0)


def parse_rows(text: str, *, name: str) -> list[tuple[int, list[str]]]:
    """A CSV table as (line number, cells) per line that is not blank."""
    delimiter = _delimiter(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise unreadable(f"not a readable CSV table: {error}", name=name) from error
    return [(line, cells) for line, cells in lines if any(cells)]


def _delimiter(text: str) -> str:
    """The delimiter that the first line uses most; csv.Sniffer is misled by commas inside prompts."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max((",", ";", "\t"), key=lambda mark: (first.count(mark), mark == ","))


def as_mapping(value: object) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def as_list(value: object) -> list[Any] | None:
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None
