"""The emulator's README lists everything there is, and nothing that is not."""

import fnmatch
import re
from dataclasses import fields
from pathlib import Path

import footage.emulator
from footage.emulator import FAULTS, Knobs

README = (Path(footage.emulator.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README))

    assert len(named) > 60
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_fault_is_listed() -> None:
    words = re.findall(r"`([\w*.-]+)`", README.split("## Faults")[1].split("## Ledger")[0])
    patterns = [word.replace("CODE", "*") for word in words]
    # `-close` after `create-accept-reset` goes on with the same prefix.
    patterns += [f"create-accept{word}" for word in words if word.startswith("-")]

    assert [fault.name for fault in FAULTS if not any(fnmatch.fnmatch(fault.name, p) for p in patterns)] == []


def test_every_knob_is_listed_with_its_meaning() -> None:
    for knob in fields(Knobs):
        assert f"| `{knob.name}` |" in README
        assert knob.metadata["doc"] in README
