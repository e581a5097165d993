"""Names are those of the field: what needed a glossary does not come back, and no name stands for two things."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks", "blocks", "footage")

# Words of ours that nobody else used, and what each was called after an activity or a picture.
GONE = frozenset(
    """
    studio studios aside steady turns roster typical printable house stranger strangers looking making settling showing
    saying checking harvesting serving scheduling verifying emulating asking unexpected standing lettering breakage
    joining announce resuming retrying ending
    """.split()  # noqa: SIM905 - one word beside the other
)
# The same thing on two floors: a step and its task, a flow and its command, a context and the tasks' view of it.
FLOORS = ("flows/", "flows/cli/commands/", "tasks/", "blocks/", "footage/", "footage/steps/")


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))


def _definitions(path: Path) -> Iterator[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, kinds):
            yield node.name


def _words(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold().split("_"))


def test_no_module_class_or_function_has_a_name_of_our_own_making() -> None:
    named = {str(path): _words(path.stem) | _words(path.parent.name) for path in _modules()}
    named |= {f"{path}: {name}": _words(name) for path in _modules() for name in _definitions(path)}

    assert {where: words & GONE for where, words in named.items() if words & GONE} == {}


def test_two_modules_share_a_name_only_where_one_mirrors_the_other() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in _modules():
        if not path.stem.startswith("__"):
            places[path.stem].append(f"{path.parent}/")

    shared = {name: rooms for name, rooms in places.items() if len(rooms) > 1}
    assert {name: rooms for name, rooms in shared.items() if not set(rooms) <= set(FLOORS)} == {}


def test_no_module_of_a_program_hides_another_that_it_imports() -> None:
    # Programs in folders have these beside their own on the path.
    support = {path.stem for path in (ROOT / "tests/support").glob("*.py")}
    programs = {
        path.parent: {one.stem for one in path.parent.glob("*.py")}
        for path in ROOT.glob("benchmarks/*/__main__.py")
    }
    beside = support | {path.stem for path in (ROOT / "benchmarks").glob("*.py")}

    assert programs
    assert {str(folder): names & beside for folder, names in programs.items() if names & beside} == {}


def test_the_top_of_the_core_is_seen_at_a_glance() -> None:
    top = [path.name for path in (ROOT / "footage").glob("*.py") if path.stem != "__init__"]

    assert len(top) <= 8
