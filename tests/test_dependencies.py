"""What may be installed: no version with a known hole, and locks that keep every floor."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NEEDS = [Requirement(text) for text in PROJECT["project"]["dependencies"]]

# The last version that has a known hole, and the first without.
HOLES = {
    "pillow": ("12.9", "13"),
    "starlette": ("1.3.0", "1.3.1"),
    "urllib3": ("2.7.99", "2.8"),
    "python-multipart": ("0.0.29", "0.0.30"),
    "requests": ("2.32.3", "2.32.4"),
    "aiohttp": ("3.14.4", "3.14.5"),
}


def locked(name: str) -> dict[str, Version]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    return {canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins}


@pytest.mark.parametrize(("name", "versions"), HOLES.items())
def test_no_version_with_a_known_hole_may_be_installed(name: str, versions: tuple[str, str]) -> None:
    (need,) = [need for need in NEEDS if canonicalize_name(need.name) == name]
    hole, mended = versions

    assert hole not in need.specifier
    assert mended in need.specifier


@pytest.mark.parametrize(
    ("lock", "groups"), [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])]
)
def test_a_lock_keeps_every_bound_of_the_project(lock: str, groups: list[str]) -> None:
    pins = locked(lock)
    wanted = [
        *NEEDS,
        *(Requirement(text) for group in groups for text in PROJECT["dependency-groups"][group]),
    ]

    found = {str(need): pins.get(canonicalize_name(need.name)) for need in wanted}
    assert [
        text
        for text, version in found.items()
        if version is None or not Requirement(text).specifier.contains(version, prereleases=True)
    ] == []


def test_both_locks_name_the_same_version_of_what_both_have() -> None:
    ours, theirs = locked("requirements.lock"), locked("requirements-dev.lock")

    assert {name: theirs.get(name) for name in ours} == ours


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_address(lock: str) -> None:
    assert re.findall(r"--(?:extra-)?index-url|--find-links|://", (ROOT / lock).read_text("utf-8")) == []
