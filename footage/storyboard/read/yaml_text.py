"""YAML -> plain data, built from the parser's events and counted while it is built.

PyYAML's own constructor copies what a merge key (`<<`) repeats before anybody can count it, so that 571 bytes
become gigabytes, and knows types that no board has (sets, dates, bytes). Here only text, numbers, true, false,
null, lists and mappings exist, scalars are those of YAML 1.2's core schema (YAML 1.1 reads the shot ids `010`,
`no` and `12:30` as 8, False and 750), no key is taken twice, and every value that an alias or a merge repeats
counts again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from footage.storyboard.read.plain_data import (
    MAX_DEPTH,
    MAX_VALUES,
    TooMuchError,
    checked_float,
    checked_int,
    unreadable,
)

_TAG = "tag:yaml.org,2002:"
_MERGE = object()

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"0|[-+]?[1-9][0-9]*")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?")

# What stands behind an explicit tag, such as `!!int "5"`.
_TAGGED: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "null": (_NULL, lambda _: None),
    "bool": (_BOOL, lambda text: text.lower() == "true"),
    "int": (re.compile(r"[-+]?[0-9]+"), lambda text: checked_int(text)),
    "float": (
        re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"),
        lambda text: checked_float(text),
    ),
    "str": (re.compile(r".*", re.DOTALL), str),
}


def parse_yaml(text: str, *, name: str) -> Any:
    """The one document of a YAML text.

    Raises:
        InvalidRequest: It is no YAML, says something twice, or holds more than a board may; with the line.
    """
    import yaml

    loader: Any = None
    try:
        # libyaml where PyYAML has it: ten times as fast. It checks the characters of the text at once.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        return _Builder(loader).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise unreadable(f"not valid YAML: {error.problem or error.context}", line=line, name=name) from error
    except _RefusedError as error:
        raise unreadable(error.message, line=error.line, name=name) from None
    except TooMuchError as error:
        raise unreadable(str(error), name=name) from None
    except (yaml.YAMLError, ValueError) as error:
        raise unreadable(f"not valid YAML: {str(error)[:200]}", name=name) from error
    finally:
        if loader is not None:
            loader.dispose()


class _RefusedError(Exception):
    def __init__(self, message: str, event: Any) -> None:
        super().__init__(message)
        self.message = message
        self.line: int = event.start_mark.line + 1


class _Sized:
    """A value that has a name (`&name`), and how many values it stands for."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.size = 1
        self.finished = False


class _Builder:
    """Reads events; the depth of the text is bounded, so that methods may call each other."""

    def __init__(self, loader: Any) -> None:
        self._next: Callable[[], Any] = loader.get_event
        self._named: dict[str, _Sized] = {}
        self._values = 0

    def document(self) -> Any:
        from yaml import DocumentStartEvent, StreamEndEvent

        self._next()  # the start of the stream
        if isinstance(self._next(), StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        self._next()  # the end of the document
        if isinstance(event := self._next(), DocumentStartEvent):
            raise _RefusedError("a board is one YAML document, here a second one begins", event)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        from yaml import AliasEvent, MappingStartEvent, ScalarEvent

        if isinstance(event, AliasEvent):
            return self._repeated(event)
        self._count(1)
        before = self._values
        if isinstance(event, ScalarEvent):
            value = self._scalar(event)
            if event.anchor is not None:
                self._name(event, value).finished = True
            return value
        if depth >= MAX_DEPTH:
            raise TooMuchError(f"nested deeper than {MAX_DEPTH} levels")
        mapping = isinstance(event, MappingStartEvent)
        if event.tag not in (None, "!", f"{_TAG}map" if mapping else f"{_TAG}seq"):
            raise _RefusedError(_no_such_type(event.tag), event)
        value: Any = {} if mapping else []
        named = self._name(event, value) if event.anchor is not None else None
        (self._fill_mapping if mapping else self._fill_list)(value, depth + 1)
        if named is not None:
            named.size, named.finished = 1 + self._values - before, True
        return value

    def _fill_list(self, items: list[Any], depth: int) -> None:
        from yaml import SequenceEndEvent

        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._value(event, depth))

    def _fill_mapping(self, fields: dict[str, Any], depth: int) -> None:
        from yaml import MappingEndEvent

        merged: list[dict[str, Any]] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event)
            start = self._next()
            value = self._value(start, depth)
            if key is _MERGE:
                merged += self._merged(value, start)
            elif key in fields:
                raise _RefusedError(f"not valid YAML: the field {key!r} is given twice", event)
            else:
                fields[key] = value
        # What a mapping says itself wins over what it merges in, and earlier merges over later ones.
        for other in merged:
            for key, value in other.items():
                fields.setdefault(key, value)

    def _merged(self, value: Any, event: Any) -> list[dict[str, Any]]:
        others: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        if not all(isinstance(other, dict) for other in others):
            raise _RefusedError("not valid YAML: only mappings can be merged with <<", event)
        # What they bring was counted when they were read or repeated here.
        return others

    def _key(self, event: Any) -> Any:
        """The name of a field as it is written; `<<` unquoted is a merge."""
        from yaml import AliasEvent, ScalarEvent

        if isinstance(event, AliasEvent):
            key: Any = self._repeated(event)
            if not isinstance(key, str):
                raise _RefusedError("not valid YAML: the name of a field has to be text", event)
            return key
        if not isinstance(event, ScalarEvent):
            raise _RefusedError("not valid YAML: the name of a field has to be text", event)
        if event.value == "<<" and event.implicit[0]:
            return _MERGE
        self._count(1)
        if event.tag not in (None, "!"):
            self._scalar(event)  # `!!int x: 1` is still no YAML
        key = str(event.value)
        if event.anchor is not None:
            self._name(event, key).finished = True
        return key

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is None and event.implicit[0]:
            if _NULL.fullmatch(text):
                return None
            if _BOOL.fullmatch(text):
                return text.lower() == "true"
            if _INT.fullmatch(text):
                return checked_int(text)
            return checked_float(text) if _FLOAT.fullmatch(text) else text
        if event.tag in (None, "!"):
            return text
        pattern, made = _TAGGED.get(event.tag.removeprefix(_TAG), (None, str))
        if pattern is None:
            raise _RefusedError(_no_such_type(event.tag), event)
        if not pattern.fullmatch(text):
            kind = event.tag.removeprefix(_TAG)
            raise _RefusedError(f"not valid YAML: {text[:40]!r} cannot be read as !!{kind}", event)
        return made(text)

    def _name(self, event: Any, value: Any) -> _Sized:
        named = self._named[event.anchor] = _Sized(value)
        return named

    def _repeated(self, event: Any) -> Any:
        named = self._named.get(event.anchor)
        if named is None:
            raise _RefusedError(f"not valid YAML: nothing is named &{event.anchor[:40]}", event)
        if not named.finished:
            raise _RefusedError("an alias contains itself", event)
        self._count(named.size)
        return named.value

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise TooMuchError(f"more than {MAX_VALUES:,} values")


def _no_such_type(tag: str) -> str:
    allowed = ", ".join(f"!!{kind}" for kind in (*_TAGGED, "map", "seq"))
    return f"not valid YAML: a board has no values of the type {tag[:60]}; allowed are {allowed}"
