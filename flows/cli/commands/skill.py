"""`wan-video skill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.console import tell
from footage.errors import InvalidRequest, Problem, StorageProblem


def skill(folder: Annotated[Path, Parameter(metavar="DIR")]) -> None:
    """Write a folder that teaches an agent these commands (Agent Skills): SKILL.md and references.

    Its name is that of the skill, wan-video; agents look for it in .agents/skills or .claude/skills.

    Args:
        folder: Where the folder is to be, such as .agents/skills. What a former version wrote there is replaced.
    """
    from flows.cli import COMMANDS, EXIT_CODES
    from flows.cli.skill_folder import NAME, skill_files

    place = folder.expanduser()
    place = place if place.name == NAME else place / NAME
    if place.exists() and any(place.iterdir()) and not (place / "SKILL.md").is_file():
        problem = Problem(
            "folder", str(place), "is there, and is no skill", "a folder that has none of this name"
        )
        raise InvalidRequest(problems=(problem,))
    try:
        for name, text in skill_files(COMMANDS, EXIT_CODES).items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageProblem(f"{error.filename} cannot be written: {error.strerror}") from None
    tell(f"Agents that look into {place.parent} find the skill {NAME} there.")
    print(place)
