"""Where the project lies and what its `prefect.yaml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_video import KNOWN_BY

import flows
from footage.emulated_environment import EMULATED_DEPLOYMENT, WANTED
from footage.errors import InvalidRequest, Problem

# What starts the deployments of `generate-from-event`, the second those that work with the stand-in.
EVENT = "wan-video.shot.requested"
EMULATED_EVENT = "wan-video.emulated.shot.requested"


@dataclass(frozen=True)
class Project:
    """What is deployed: `file` is the prefect.yaml, `root` the folder that runs work in, `deployments` every
    deployment as "flow/deployment"; `emulated` are the same ones once more, for the local stand-in; `pull` are
    the steps before each run, None where the file has none."""

    file: Path
    root: Path
    pool: str
    deployments: dict[str, dict[str, Any]]
    pull: list[Any] | None = None

    @property
    def emulated(self) -> dict[str, dict[str, Any]]:
        twins = [_emulated(entry) for entry in self.deployments.values()]
        return {_full_name(twin): twin for twin in twins}


def find_project() -> Project:
    """The project of the current folder if it is this one, else of the clone that the code lies in, else what was
    installed with the code; runs of the last one work in the current folder.

    Raises:
        InvalidRequest: None of them has a prefect.yaml of this project, or the folder has packages of other people.
    """
    here, code = Path.cwd(), Path(flows.__file__).parent
    for file, root in (
        (here / "prefect.yaml", here),
        (code.parent / "prefect.yaml", code.parent),
        (code / "prefect.yaml", here),
    ):
        project = _read(file, root)
        if project is not None:
            _refuse_foreign_packages(project.root, code.parent)
            return project
    raise _unusable(
        "prefect.yaml",
        "(file)",
        "there is none of this project",
        "install wan-video again, or run it in a clone",
    )


def _read(file: Path, root: Path) -> Project | None:
    """The project that a prefect.yaml describes; None where there is none, or another project's."""
    import yaml

    try:
        document = yaml.safe_load(file.read_text("utf-8"))
        if document["name"] != "wan-video":
            return None
        pool = document["definitions"]["work_pool"]["name"]
        deployments = {_full_name(entry): entry for entry in document["deployments"]}
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        return None
    return Project(file, root, pool, deployments, document.get("pull"))


def _refuse_foreign_packages(root: Path, code: Path) -> None:
    """Runs start in `root`, where Python looks for packages first."""
    for name, module in KNOWN_BY.items():
        found = root / name
        # A folder without __init__.py, such as one of clips, does not hide an installed package.
        package = (found / "__init__.py").exists() and not (found / module).exists()
        foreign = found.with_suffix(".py").exists() or package
        if root != code and foreign:
            raise _unusable(
                "folder",
                str(root),
                f"runs would work here and import its `{name}` instead of ours",
                "run the command in another folder, such as an empty one",
            )


def _emulated(entry: dict[str, Any]) -> dict[str, Any]:
    """The deployment with the stand-in in place of the provider.

    A deployment of its own: with the real one pointed elsewhere, a run that waits when it is pointed back would
    buy, and until then nothing would harvest what was bought.
    """
    pool = entry["work_pool"]
    variables = pool.get("job_variables", {})
    environment = {**variables.get("env", {}), WANTED: "1"}
    twin = {
        **entry,
        "name": EMULATED_DEPLOYMENT,
        "description": "With the local stand-in: nothing is bought. What it stands in for:\n\n"
        + entry.get("description", "").replace(EVENT, EMULATED_EVENT),
        "tags": [f"wan-video-{EMULATED_DEPLOYMENT}"],
        "work_pool": {**pool, "job_variables": {**variables, "env": environment}},
    }
    if "schedules" in entry:
        # Off, and soon to be seen where somebody switches one on.
        twin["schedules"] = [
            {**plan, "slug": "every-minute", "cron": "* * * * *", "active": False}
            for plan in entry["schedules"]
        ]
    if "triggers" in entry:
        twin["triggers"] = [
            {
                **trigger,
                "name": f"{trigger['name']}, {EMULATED_DEPLOYMENT}",
                "description": "With the local stand-in: nothing is bought. "
                + trigger.get("description", "").replace(EVENT, EMULATED_EVENT),
                "expect": [event.replace(EVENT, EMULATED_EVENT) for event in trigger["expect"]],
            }
            for trigger in entry["triggers"]
        ]
    return twin


def _full_name(entry: dict[str, Any]) -> str:
    # Flow names are function names with dashes in this project; a test keeps it so.
    return f"{entry['entrypoint'].rsplit('.', 1)[1].replace('_', '-')}/{entry['name']}"


def _unusable(field: str, value: str, why: str, next_step: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem(field, value, why),), next_step=next_step)
