"""`wan-video --install-completion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.console import tell
from footage.errors import InvalidRequest, Problem


def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish", "powershell"] | None = None,
    output: Annotated[Path | None, Parameter(metavar="FILE")] = None,
) -> None:
    """Let the Tab key of your shell complete commands, options and names of models.

    Args:
        shell: The shell, if it is not the one that this runs in.
        output: File to write, if it is not the shell's usual place.
    """
    from cyclopts.completion import ShellDetectionError, detect_shell

    from flows.cli import app

    try:
        file = app.install_completion(shell=shell or detect_shell(), output=output)
    except ShellDetectionError:
        problem = Problem("shell", "(not given)", "this shell cannot be told", "bash, zsh, fish, powershell")
        raise InvalidRequest(problems=(problem,)) from None
    except OSError as error:
        problem = Problem("output", str(error.filename), f"cannot be written ({error.strerror})")
        raise InvalidRequest(problems=(problem,)) from None
    tell(f"Completion is in {file}, and is there in every new shell.")
