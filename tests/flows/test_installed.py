"""What a wheel brings, and what the command says when other packages of the same names are in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("flows", "tasks", "blocks", "footage")
EXPLAIN = ["explain", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "a cat", "--json"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as an installer lays them out; what they need comes from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def python(code: str, *arguments: str, at: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    """Run code as an installed script runs: what is in the current folder is not imported from there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "HOME": str(at)}
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)


def wan_video(*arguments: str, at: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    return python("from wan_video import main; main()", *arguments, at=at, path=path)


def package(folder: Path, name: str) -> Path:
    """Somebody else's package of this name in the folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    return folder


def test_the_wheel_has_every_file_of_the_packages_and_the_deployments(installed: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert [name for name in listed if (ROOT / name).exists() and not (installed / name).exists()] == []
    assert (installed / "flows/prefect.yaml").read_bytes() == (ROOT / "prefect.yaml").read_bytes()


@pytest.mark.slow
def test_what_is_installed_explains_and_validates_itself_in_an_empty_folder(
    installed: Path, empty: Path
) -> None:
    explained = wan_video(*EXPLAIN, at=empty, path=[installed])
    validated = wan_video("validate", at=empty, path=[installed])

    assert (explained.returncode, validated.returncode) == (0, 0), explained.stderr + validated.stderr
    assert (empty / "output/alicloud-ai-video-wan-video/validate.txt").read_text().endswith("RESULT: OK\n")


def test_setup_of_what_is_installed_deploys_for_the_current_folder(installed: Path, empty: Path) -> None:
    code = "from flows.cli.provisioning.prefect_yaml import find_project as f; p = f(); print(p.root, p.file, p.pool)"

    found = python(code, at=empty, path=[installed])

    assert found.stdout.split() == [
        str(empty),
        str(installed / "flows/prefect.yaml"),
        "wan-video",
    ], found.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_a_package_of_the_same_name_is_named_in_one_line(
    room: str, installed: Path, empty: Path, tmp_path: Path
) -> None:
    theirs = package(tmp_path / "theirs", room)

    refused = wan_video("models", at=empty, path=[theirs, installed])

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1
    assert f"`{room}` is {theirs / room}, which is not part of it" in refused.stderr


def test_files_that_another_distribution_took_away_are_named_in_one_line(
    installed: Path, empty: Path, tmp_path: Path
) -> None:
    # What is left where two distributions had a `flows` and the other one was the last to be installed.
    theirs = package(tmp_path / "theirs", "flows")
    for name in ("tasks", "blocks", "footage"):
        (theirs / name).symlink_to(installed / name)

    refused = wan_video("models", at=empty, path=[theirs])

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


def test_setup_refuses_a_folder_whose_packages_runs_would_import(installed: Path, empty: Path) -> None:
    package(empty, "tasks")

    models = wan_video("models", at=empty, path=[installed])
    setup = python(
        "from flows.cli.provisioning.prefect_yaml import find_project; find_project()",
        at=empty,
        path=[installed],
    )

    assert models.returncode == 0, models.stderr
    assert "import its `tasks` instead of ours" in setup.stderr


def test_setup_takes_a_folder_of_clips_for_no_package(installed: Path, empty: Path) -> None:
    (empty / "footage").mkdir()

    found = python(
        "from flows.cli.provisioning.prefect_yaml import find_project as f; print(f().root)",
        at=empty,
        path=[installed],
    )

    assert found.stdout.strip() == str(empty), found.stderr
