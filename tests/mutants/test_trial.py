"""What counts as killed: tried on a small project, with real runs of pytest."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from mutants import mutants_of
from trial import Tree, Trial

CODE = "def more(a: int, b: int) -> int:\n    return a + b\n"
NOTICED = "from code_ import more\n\ndef test_more():\n    assert more(1, 2) == 3\n"
# Fails the first time that it is run with the mutant, as if the machine had been busy.
ONCE = """
from pathlib import Path
from code_ import more

def test_more():
    seen = Path("seen")
    assert more(1, 2) == 3 or seen.exists() or seen.touch()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code_.py").write_text(CODE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def tried(project: Path, test: str) -> tuple[Trial, Tree]:
    (project / "test_code.py").write_text(test)
    (mutant,) = mutants_of("code_.py", project)
    tree = Tree(project)
    try:
        return tree.try_mutant(mutant, ["test_code.py"]), tree
    finally:
        tree.close()


@pytest.mark.slow
def test_a_mutant_is_killed_by_a_test_that_fails_with_it(project: Path) -> None:
    trial, _ = tried(project, NOTICED)

    assert (trial.outcome, trial.by) == ("killed", "test_code.py::test_more")
    assert trial.cpu_s > 0
    assert (project / "code_.py").read_text() == CODE


@pytest.mark.slow
def test_a_mutant_survives_a_test_that_fails_once(project: Path) -> None:
    trial, tree = tried(project, ONCE)

    assert trial.outcome == "survived"
    assert tree.unsteady == {"test_code.py::test_more"}


@pytest.mark.slow
def test_a_project_whose_tests_fail_by_themselves_has_no_figure(project: Path) -> None:
    with pytest.raises(RuntimeError, match="without a mutant"):
        tried(project, "import nothing_of_this_name")
