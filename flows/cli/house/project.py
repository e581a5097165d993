"""Where the project lies and what its `prefect.yaml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flows
from footage.errors import InvalidRequest, Problem


@dataclass(frozen=True)
class Project:
    """The folder with `prefect.yaml`, the work pool's name, and every deployment as "flow/deployment"."""

    root: Path
    pool: str
    deployments: dict[str, dict[str, Any]]


def find_project() -> Project:
    """The project from the current folder, else from where the code lies.

    Raises:
        InvalidRequest: There is no prefect.yaml, or not one of this project.
    """
    import yaml

    places = (Path.cwd(), Path(flows.__file__).parents[1])
    root = next((place for place in places if (place / "prefect.yaml").exists()), None)
    if root is None:
        raise _unusable("there is none here", "run the command in a clone of the project")
    document = yaml.safe_load((root / "prefect.yaml").read_text("utf-8"))
    try:
        pool = document["definitions"]["work_pool"]["name"]
        deployments = {_full_name(entry): entry for entry in document["deployments"]}
    except (KeyError, TypeError, ValueError):
        raise _unusable(
            f"{root} has one of another project", "run the command in a clone of this one"
        ) from None
    return Project(root, pool, deployments)


def _full_name(entry: dict[str, Any]) -> str:
    # Flow names are function names with dashes in this project; a test keeps it so.
    return f"{entry['entrypoint'].rsplit('.', 1)[1].replace('_', '-')}/{entry['name']}"


def _unusable(why: str, next_step: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("prefect.yaml", "(file)", why),), next_step=next_step)
