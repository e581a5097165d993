"""The mutants of a source file: copies with one small change each, by mutmut's operators.

Left alone is what a test of behaviour cannot or should not see: annotations, casts and what stands under
`TYPE_CHECKING`, decorators, `__all__`, the calls that write a log line, and prose. A string with a blank in it is
prose: tests say what a message must name, and leave its words free. Names, keys, codes and units are mutated.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_LOG_METHODS = {"debug", "info", "warning", "error", "exception"}
_LOGGERS = {"log", "logger", "say"}
# `len(None)` and `isinstance(x, None)` fail wherever they are reached: they would only flatter the figure.
_TRIVIAL_CALLS = {"len", "isinstance"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    `id` stays the same as long as the changed expression and the function around it do, wherever in the file they
    move; `change` is the change for a person to read.
    """

    id: str
    path: str
    line: int
    function: str
    change: str


def mutants_of(path: str, root: Path) -> list[Mutant]:
    """All mutants of the file at `path`, in the order of its lines."""
    return [mutant for mutant, _ in _mutations(path, root)]


def mutated_source(mutant: Mutant, root: Path) -> str:
    """The whole file with the one change made."""
    module = _parsed(path := mutant.path, root).module
    change = next(change for candidate, change in _mutations(path, root) if candidate.id == mutant.id)
    mutated = module.deep_replace(change.before, change.after)
    assert isinstance(mutated, cst.Module)
    return mutated.code


@dataclass(frozen=True)
class _Change:
    before: cst.CSTNode
    after: cst.CSTNode
    line: int
    function: str


@cache
def _parsed(path: str, root: Path) -> MetadataWrapper:
    return MetadataWrapper(cst.parse_module((root / path).read_text()), unsafe_skip_copy=True)


@cache
def _mutations(path: str, root: Path) -> list[tuple[Mutant, _Change]]:
    wrapper = _parsed(path, root)
    visitor = _Visitor()
    wrapper.visit(visitor)
    seen: Counter[tuple[str, str, str]] = Counter()
    found: list[tuple[Mutant, _Change]] = []
    for change in visitor.changes:
        before, after = (wrapper.module.code_for_node(node) for node in (change.before, change.after))
        same = (change.function, before, after)
        seen[same] += 1
        digest = hashlib.sha256("\0".join((path, *same, str(seen[same]))).encode()).hexdigest()
        mutant = Mutant(digest[:10], path, change.line, change.function, _readable(before, after))
        found.append((mutant, change))
    return found


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[_Change] = []
        self._scope: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _left_alone(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._scope.append(node.name.value)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "cast":
            node.args[1].visit(self)
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.changes.extend(self._change(node, after) for after in operator(node))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._scope.pop()

    def _change(self, before: cst.CSTNode, after: cst.CSTNode) -> _Change:
        position = self.get_metadata(PositionProvider, before, None)
        return _Change(before, after, position.start.line if position else 0, ".".join(self._scope))


def _left_alone(node: cst.CSTNode) -> bool:
    match node:
        case cst.Annotation() | cst.Decorator():
            return True
        case cst.If(test=cst.Name("TYPE_CHECKING")):
            return True
        case cst.Assign(targets=[cst.AssignTarget(cst.Name("__all__"))]):
            return True
        case cst.Call(func=cst.Name(name)):
            return name in _TRIVIAL_CALLS
        case cst.Call(func=cst.Attribute(value, cst.Name(method))):
            return method in _LOG_METHODS and _last_name(value) in _LOGGERS
        case cst.SimpleString():
            return " " in node.value
        case _:
            return False


def _last_name(node: cst.BaseExpression) -> str:
    return node.attr.value if isinstance(node, cst.Attribute) else getattr(node, "value", "")


def _readable(before: str, after: str) -> str:
    """The part that differs, with a little of what stands around it, on one line."""
    before, after = " ".join(before.split()), " ".join(after.split())
    start = next(_differences(before, after), min(len(before), len(after)))
    end = next(_differences(before[:start:-1], after[:start:-1]), None)
    left = max(0, start - 30)
    cut = 0 if end is None else max(0, end - 10)
    parts = [text[left : len(text) - cut] for text in (before, after)]
    return "  →  ".join(part if len(part) < 120 else f"{part[:117]}…" for part in parts)


def _differences(one: str, other: str) -> Iterator[int]:
    return (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
