"""Commands that a tool's answer gives to a person: they are typed in any folder, without this server's settings."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.console import command_here, flags_here
from footage.emulated_environment import base_of_emulated, emulated_here
from footage.privacy.redact import redact
from footage.settings import load_settings

if TYPE_CHECKING:
    from footage.errors.actions import Action


def command_anywhere(action: Action, *options: str) -> str:
    """The command for an action, with where this server's clips are, and where the program is if PATH lacks it."""
    words = [_program(), command_here(action).removeprefix("wan-video "), *options]
    # A block is found by its name.
    if not any(flag.startswith("--storage-block") for flag in flags_here()):
        words.insert(0, f"OUTPUT_DIR={shlex.quote(redact(_output()))}")
    return " ".join(words)


def _program() -> str:
    own = Path(sys.executable).with_name("wan-video")
    return shlex.quote(str(own)) if shutil.which("wan-video") is None and own.exists() else "wan-video"


def _output() -> str:
    output = load_settings().output_dir
    base = base_of_emulated(output) if emulated_here() else output
    return base if "://" in base else str(Path(base).expanduser().absolute())
