"""Bring `.venv` to exactly what a lock file names, with whatever Python, pip or uv there is; repairs what is broken.

    python3 .ci/install.py requirements.lock

Run each time before anything else: when nothing is missing it only looks, in about a quarter of a second. Everything
comes from the lock, hash-checked, as wheels, the build backend of this project included: no step resolves anything.

The whole lock is given with `--no-deps`, because pip before 23.3 (Debian 12 has 23.0.1) resolves an extra such as
`sqlalchemy[asyncio]` apart from its base and then refuses what it found itself. `pip check` afterwards proves that
nothing was left out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
NEEDS = (3, 11)
# The sum of the pyproject.toml that this project was installed with.
DESCRIBED = VENV / "pyproject.sha256"
# Settings that make pip install elsewhere than into the environment that it runs in.
ELSEWHERE = (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "PYTHONPATH",
    "PYTHONHOME",
)


def main(lock: Path) -> None:
    if sys.version_info < NEEDS:
        end(
            f"wan-video needs Python 3.11 or newer, and this is {sys.version.split()[0]}; set PYTHON=/path/to/it"
        )
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    uv = working_uv()
    if not same_python():
        shutil.rmtree(VENV, ignore_errors=True)
    broken = look(lock)
    if not broken:
        return
    print(f"Installing {lock.name} …", file=sys.stderr, flush=True)
    if not PYTHON.exists() or not (uv or has_pip()):
        make_environment(uv)
    forget(broken)
    install(lock, uv)
    if left := look(lock):
        end(
            f"The environment in {VENV} is still not what {lock.name} says: {', '.join(left)}. Run `make clean` first."
        )


def working_uv() -> str | None:
    """The path of `uv`; asked whether it runs, because version managers leave stubs that do not."""
    uv = shutil.which("uv")
    return uv if uv and run([uv, "--version"], quiet=True) == 0 else None


def same_python() -> bool:
    """Whether the environment runs, with the version of Python that runs this, from the folder it was made in."""
    if not PYTHON.exists():
        return not VENV.is_symlink() and not PYTHON.is_symlink()
    ask = [PYTHON, "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    except OSError:
        return False
    script = PYTHON.with_name("wan-video")
    # A clone that was moved has scripts that name the old folder.
    moved = script.exists() and str(VENV) not in script.read_text(errors="replace")[:400]
    return answer.stdout.split() == [str(part) for part in sys.version_info[:2]] and not moved


def has_pip() -> bool:
    return run([PYTHON, "-m", "pip", "--version"], quiet=True) == 0


def make_environment(uv: str | None) -> None:
    command = (
        [uv, "venv", "-q", "--allow-existing", "--python", sys.executable]
        if uv
        else [sys.executable, "-m", "venv"]
    )
    if run([*command, VENV]) != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        end(
            "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv "
            f"(or python{NEEDS[0]}.{sys.version_info[1]}-venv)."
        )


def install(lock: Path, uv: str | None) -> None:
    pip = [uv, "pip"] if uv else [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    here = ["--python", PYTHON] if uv else []
    # Prefect alone takes 6 s instead of 3 s to import without bytecode; pip compiles by itself.
    compiled = ["--compile-bytecode"] if uv else []
    quiet = [*pip, "install", "-q", *here, *compiled, "--no-deps"]
    steps = [
        [*quiet, "--only-binary", ":all:", "--require-hashes", "-r", lock],
        [*quiet, "--no-build-isolation", "-e", ROOT],
        [*pip, "check", "-q" if uv else "--verbose", *here],
    ]
    for step in steps:
        if run(step, quiet="check" in step) != 0:
            if "check" in step:
                run(step)
            end(
                f"{lock.name} could not be installed; what failed is said above. The same command goes on from here."
            )
    DESCRIBED.write_text(description())


def look(lock: Path) -> list[str]:
    """Names of what is missing or damaged, by the environment's own Python; `["python"]` if it cannot say."""
    if not PYTHON.exists():
        return ["python"]
    child = subprocess.run(
        [PYTHON, "-I", "-X", "utf8", __file__, "--look", lock], capture_output=True, text=True, check=False
    )
    return child.stdout.split() if child.returncode == 0 else ["python"]


def damaged(lock: Path) -> list[str]:
    """What of the lock is not installed as its wheel said: another version, a file missing or of another size."""
    from importlib.metadata import Distribution, distributions

    from packaging.requirements import Requirement

    there: dict[str, Distribution] = {
        canonical(each.metadata["Name"] or ""): each for each in distributions()
    }
    missing: list[str] = []
    for line in lock.read_text("utf-8").splitlines():
        if not line[:1].isalnum():
            continue
        wanted = Requirement(line.rstrip(" \\"))
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        found = there.get(canonical(wanted.name))
        if (
            found is None
            or not wanted.specifier.contains(found.version, prereleases=True)
            or not whole(found)
        ):
            missing.append(canonical(wanted.name))
    ours = there.get("wan-video")
    origin = json.loads((ours.read_text("direct_url.json") if ours else None) or "{}").get("url")
    if (
        ours is None
        or origin != ROOT.as_uri()
        or not PYTHON.with_name("wan-video").exists()
        or not as_described()
    ):
        missing.append("wan-video")
    return missing


def as_described() -> bool:
    """Whether this project was installed with the pyproject.toml that is there now."""
    try:
        return DESCRIBED.read_text() == description()
    except OSError:
        return False


def description() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()


def whole(found: Any) -> bool:
    """Whether every file of a distribution is there in the size that its record says; bytecode may be missing."""
    # Distribution.files would take a second for all of them.
    folder = Path(str(found._path))
    try:
        with (folder / "RECORD").open(newline="", encoding="utf-8") as record:
            rows = [row for row in csv.reader(record) if row and not row[0].endswith(".pyc")]
        return all(not row[2] or (folder.parent / row[0]).stat().st_size == int(row[2]) for row in rows)
    except (OSError, ValueError, IndexError):
        return False


def forget(names: list[str]) -> None:
    """Take away the records of what is damaged, so that the installer does not believe that it is there."""
    for folder in VENV.glob("[Ll]ib*/**/site-packages/*.dist-info"):
        if canonical(folder.name.split("-")[0]) in names:
            shutil.rmtree(folder, ignore_errors=True)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run(command: list[object], *, quiet: bool = False) -> int:
    sink = subprocess.DEVNULL if quiet else None
    # What an installer prints belongs to stderr: stdout is for results.
    return subprocess.run(
        [str(part) for part in command], check=False, stdout=sink or sys.stderr, stderr=sink
    ).returncode


def end(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1] == "--look":
        print(*damaged(Path(sys.argv[2])))
    else:
        main(ROOT / sys.argv[1])
