"""What is mutated, what is left alone, and what a sample is."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants import Mutant, mutants_of, mutated_source
from rooms import read_rooms, sample

ROOT = Path(__file__).resolve().parents[2]


def changes(source: str, folder: Path) -> list[str]:
    (folder / "code.py").write_text(source)
    return [mutant.change for mutant in mutants_of("code.py", folder)]


def test_a_mutant_is_the_file_with_one_change(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("def more(a, b):\n    # kept\n    return a + b\n")

    (mutant,) = mutants_of("code.py", tmp_path)

    assert mutated_source(mutant, tmp_path) == "def more(a, b):\n    # kept\n    return a - b\n"
    assert (mutant.line, mutant.function, mutant.change) == (3, "more", "a + b  →  a - b")


def test_a_mutant_keeps_its_id_where_its_function_moves_and_no_two_share_one(tmp_path: Path) -> None:
    function = "def more(a, b):\n    return a + b if a + b else b\n"
    (tmp_path / "code.py").write_text(function)
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "code.py").write_text(f"import os\n\n\n{function}")

    before = [mutant.id for mutant in mutants_of("code.py", tmp_path)]

    assert before == [mutant.id for mutant in mutants_of("code.py", tmp_path / "moved")]
    assert len(set(before)) == len(before) == 4


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def f(a: dict[str, 'A'] | None): pass", id="annotation"),
        pytest.param("if TYPE_CHECKING:\n    a = 1", id="seen by the type checker alone"),
        pytest.param("cast('list[int]', b)", id="cast"),
        pytest.param("@wraps(a, 1)\ndef f(): pass", id="decorator"),
        pytest.param("logger.info('%s', 1)\nself.clip.say.warning(1)", id="log line"),
        pytest.param("'it is late'", id="prose"),
        pytest.param("__all__ = ['a']", id="list of names"),
        pytest.param("isinstance(a, b)", id="fails wherever it is reached"),
    ],
)
def test_what_no_test_of_behaviour_can_see_is_left_alone(source: str, tmp_path: Path) -> None:
    assert changes(source, tmp_path) == []


@pytest.mark.parametrize(
    "source", ["CODES = ['Throttling']", "class A:\n    @property\n    def b(self):\n        return 1"]
)
def test_tables_and_properties_are_mutated(source: str, tmp_path: Path) -> None:
    assert changes(source, tmp_path)


def test_a_sample_is_the_same_each_time_has_enough_of_each_room_and_contains_the_smaller_ones() -> None:
    everything = {
        room: [Mutant(f"{room}{number}", "code.py", 1, "", "") for number in range(count)]
        for room, count in [("large", 900), ("small", 60), ("tiny", 5)]
    }

    drawn = sample(everything, seed=1, size=200)

    assert {room: len(mutants) for room, mutants in drawn.items()} == {"large": 151, "small": 44, "tiny": 5}
    assert drawn == sample(everything, seed=1, size=200)
    assert drawn != sample(everything, seed=2, size=200)
    fewer = sample(everything, seed=1, size=20)
    assert all(set(fewer[room]) <= set(drawn[room]) for room in everything)


def test_every_module_has_tests_that_exist() -> None:
    for room in read_rooms():
        for path in room.files(ROOT):
            assert all((ROOT / test).is_file() for test in room.tests_of(path)), path
