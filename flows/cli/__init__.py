"""The command line: one more way to start the flows.

On stdout there is only the result; everything else goes to stderr. Exit codes: 0 done, 2 refused here,
3 key, permission, quota or balance, 4 the provider refused or failed the clip, 5 not finished yet or unknown,
6 over budget, 7 storage, 130 interrupted.

Modules of this folder import Prefect, the SDK and the media libraries inside their functions: `--help`,
`models`, `explain` and a clip that is stored already must not wait for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from cyclopts import App, CycloptsError
from rich.console import Console

from flows.cli.say import explain_error, remember_place, stderr
from footage.errors import FootageError

app = App(
    name="wan-video",
    help="Wan videos through Alibaba Model Studio: paid once, lost never, proven in evidence.",
    help_format="plaintext",
    console=Console(),
    error_console=stderr,
    version_flags=["--version"],
    # Its exit code is ours to give, like those of errors.
    suppress_keyboard_interrupt=False,
)

for name, module in {
    "generate": "making",
    "storyboard": "boards",
    "harvest": "harvesting",
    "cancel": "settling",
    "adopt": "settling",
    "models": "looking",
    "explain": "looking",
    "doctor": "checking",
    "validate": "checking",
    "emulator": "emulating",
    "setup": "setting_up",
}.items():
    app.command(f"flows.cli.{module}:{name}", name=name)


def main() -> None:
    """Run the command that was typed and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    remember_place(arguments)
    # Usage errors are printed by cyclopts, in its own words.
    return guarded(
        lambda: app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    )


def guarded(command: Callable[[], object]) -> int:
    """Run a command so that a user's mistake never shows a traceback; its exit code."""
    # Read by Prefect when it is imported: what the core logs shows in the UI, and the terminal shows our own
    # lines (flows/cli/say.py) instead of Prefect's.
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "footage")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # What is logged before and after a run has no page to be shown on, and needs no warning for that.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    try:
        code = command()
    except CycloptsError:
        return 2
    except FootageError as error:
        explain_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0
