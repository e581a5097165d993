"""The emulator's README lists everything there is, and nothing that is not."""

import fnmatch
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import footage.emulator
from footage.emulator import FAULTS, Knobs
from footage.emulator.app import find_route
from footage.emulator.faults import ROUTES

README = (Path(footage.emulator.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    # What the rest of the project knows the emulator by is tested where it is asked.
    tests = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*emulator*.py")
    )
    named = set(re.findall(r"`(test_\w+)`", README))

    assert len(named) > 60
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_row_about_the_service_names_a_test() -> None:
    rows = README.split("## Routes")[1].split("## Ledger")[0].splitlines()
    rows = [
        row for row in rows if row.startswith("|") and not re.match(r"\| (route|habit|fault) \||\|---", row)
    ]

    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"`test_\w+`|\| the same", row)] == []


def test_every_route_is_listed_as_it_is_served() -> None:
    rows = README.split("## Routes")[1].split("## Habits")[0].splitlines()
    listed = re.findall(r"\| `(GET|POST) (/[^`?]+)[^`]*`(?:, `(/[^`]+)`)?", "\n".join(rows))
    served: set[str] = set()
    for method, path, other in listed:
        for form in filter(None, (path, path.rsplit("/", 1)[0] + other if other else "")):
            sample = re.sub(r"\{id\}", "12345678-1234-1234-1234-123456789abc", form.removesuffix("[/]"))
            sample = sample.replace("YYYYMMDD", "20261123").replace("/xxxxxxxx/", "/12345678/")
            served.add(find_route(method, sample.replace("/xx/", "/12/"))[0])

    assert served == set(ROUTES)


def test_every_route_of_ours_is_listed() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `/_emulator/")]
    names = [name for row in rows for name in re.findall(r"`(?:/_emulator/)?([a-z/]+)`", row.split("|")[1])]
    code = (Path(footage.emulator.__file__).parent / "admin.py").read_text(encoding="utf-8")

    assert set(names) == set(re.findall(r'case "[A-Z]+", "([a-z/]+)"', code))


def test_every_fault_is_listed() -> None:
    words = re.findall(r"`([\w*.-]+)`", README.split("## Faults")[1].split("## Ledger")[0])
    patterns = [word.replace("CODE", "*") for word in words]
    # `-close` after `create-accept-reset` goes on with the same prefix.
    patterns += [f"create-accept{word}" for word in words if word.startswith("-")]

    assert [fault.name for fault in FAULTS if not any(fnmatch.fnmatch(fault.name, p) for p in patterns)] == []


def test_every_knob_is_listed_with_its_default_and_meaning() -> None:
    for knob in fields(Knobs):
        assert f"| `{knob.name}` | {_written(knob.default)} | {knob.metadata['doc']} |" in README


def _written(default: Any) -> str:
    if default is None:
        return "–"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`" if isinstance(default, str) else f"{default:g}"
