"""The command line: one more way to start the flows.

On stdout there is only the result, or with --json what went wrong; everything else goes to stderr. Exit codes: 0
done, 1 a mistake of this program (its traceback is in the file that is named), 2 refused here, 3 key, permission, quota
or balance, 4 the provider refused or failed the clip, 5 not finished yet or unknown, 6 over budget, 7 storage, or the
result could not be printed, 8 the provider or the network does not answer and nothing was bought, 130 interrupted.

Modules of this folder import Prefect, the SDK and the media libraries inside their functions: `--help`,
`models`, `explain` and a clip that is stored already must not wait for them.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from cyclopts import App, CycloptsError, CycloptsPanel, UnusedCliTokensError
from rich.console import Console

from flows.cli.console import (
    explain_error,
    patient_output,
    print_json,
    remember_flags,
    stderr,
    tell,
)
from flows.cli.error_json import error_document, other_document
from footage.errors import FootageError
from footage.privacy.display import plain
from footage.privacy.redact import redact

# What each command does, by name: the words of its docstring.
COMMANDS = {
    "generate": "Make one clip, or return the one that is stored already; with --file many.",
    "storyboard": "Make every shot of a storyboard, and the cut: film, timeline, edit list, dailies.",
    "takes": (
        "List the takes of a board: which one is used, what was said of it, what differs in its request, its price."
        "\n\nReads the store, writes nothing and asks no provider."
    ),
    "pick": "Use this take of a shot; the cut follows, and nothing is bought.",
    "keep": "Call a take of a shot good; it is not rejected, and no longer the pick.",
    "reject": "Say that a take of a shot is not to be used; the cut follows, and nothing is bought.",
    "retake": (
        "Ask for a further take of a shot, say why, and make it: one clip is bought, through the caps and the approval."
        "\n\nThe same words about the same take are the same retake: said again, it goes on and buys nothing twice. "
        "The note is for people and never part of the prompt."
    ),
    "review": (
        "Look at the takes of a board in a browser, compare, pick and ask for retakes, until Ctrl-C."
        "\n\nPrints an address that lets one browser in; the page invites others. What is dearer than --approve-above "
        "is not bought from the page: it shows the command."
    ),
    "list": (
        "List the clips of the store: the open ones first, then the newest."
        "\n\nReads the evidence, keeps an index of it in this user's cache folder, and asks no provider."
    ),
    "harvest": "Finish everything that was bought and left unfinished, nearest expiry first; buys nothing.",
    "wait": (
        "Wait until a clip is delivered or has failed, for some seconds; buys nothing and asks no provider."
        "\n\nFor a clip that another process makes: `wan-video generate --submit-only` starts one. Ends with 0, 4, or "
        "5 if it goes on."
    ),
    "cancel": (
        "Cancel clips as far as the provider can: queued ones are not billed, running ones go on and are "
        "billed."
    ),
    "adopt": "Say which of the provider's tasks an unknown submission became; the clip then goes on with it.",
    "models": "Everything known about the models that are offered, with source and date.",
    "explain": "What would become of every field of a request, what would be sent, and what it would cost.",
    "doctor": (
        "Look at everything that a run needs: installation, store, Prefect server, key, models, quotas, "
        "clock."
        "\n\nEnds with 0 unless something would stop `wan-video generate`; then with the code that it would "
        "end with."
    ),
    "validate": (
        "Check code, flows, table of models, orders, media and store, and write validate.txt beside the "
        "clips."
        "\n\nWith a key the provider is asked, too, but only a broken part of this project makes it end with "
        "another code than 0."
    ),
    "verify": (
        "Recompute everything that proves stored clips: records, links between them, and the hashes of all "
        "files."
        "\n\nWrites nothing and asks no provider. Ends with 0 if everything fits, 7 if something is damaged."
    ),
    "marks": (
        "Say which marks of generated content files have: found, wrong, lost or unreadable."
        "\n\nAsks no provider. Ends with 0 if nothing is lost or wrong; a file without marks is told and no failure, "
        "unless it is required to have them. Ends with 7 if something is lost, wrong or unreadable."
    ),
    "status": (
        "What an operator asks: what waits, how old it is, what was spent and refused today, what expires next."
        "\n\nReads the store, writes nothing and asks no provider."
    ),
    "spending": "What was spent, from the ledger that every run of the store writes before it buys.",
    "stop-buying": (
        "Stop all buying in this store, by every worker, until `wan-video resume-buying`."
        "\n\nNo create is sent later than 2 seconds after this returns. What was bought is waited for and delivered "
        "all the same; to cancel that, too: `wan-video cancel`."
    ),
    "resume-buying": "Let clips of this store be bought again, after `wan-video stop-buying`.",
    "listen": (
        "Take the provider's completion events until Ctrl-C, so that finished clips are fetched at once."
        "\n\nIt answers one address, which an EventBridge rule of your account calls; polling goes on as repair."
    ),
    "mcp": (
        "Serve clips and storyboards as tools for agents (Model Context Protocol), over a pipe or HTTP on this machine."
        "\n\nA purchase needs a cap in its call and a person's yes to its price. Needs the extra mcp."
    ),
    "skill": (
        "Write a folder that teaches an agent these commands (Agent Skills): SKILL.md and references."
        "\n\nIts name is that of the skill, wan-video; agents look for it in .agents/skills or .claude/skills."
    ),
    "emulator": "Run the stand-in for the provider until Ctrl-C; every frame it makes says EMULATED.",
    "schedule": (
        "Show the schedules of the deployments, or switch one on or off; its parameters stay."
        "\n\n`wan-video setup` leaves a schedule as it was switched here or in the UI."
    ),
    "server": (
        "Start or stop the local Prefect server, or say where it is and how to log in."
        "\n\nIt keeps its runs in this home's Prefect database, and answers on 127.0.0.1 only."
    ),
    "setup": (
        "Make blocks, work pool, limits, deployments and automations on the Prefect server; may be repeated."
        "\n\nThe server is the configured one (PREFECT_API_URL, a Prefect profile), else a local one that is "
        "started. Limits, pool, blocks and schedules stay as they are; deployments and the rules of automations "
        "are brought up to date."
    ),
    "help": "What a command does and which options it has.",
    "commands": "All commands with their options, values and defaults, and the exit codes, for programs.",
    "--install-completion": "Let the Tab key of your shell complete commands, options and names of models.",
}

EXIT_CODES = (
    "Exit codes: 0 done; 1 a mistake of this program; 2 refused here, nothing was sent; 3 key, permission, quota or "
    "balance; 4 the provider refused or failed the clip; 5 not finished yet, or unknown: the last line says how to go "
    "on; 6 over the budget or a cap, or buying is stopped: what is beyond was not bought; 7 storage; 8 the provider or "
    "the network does not answer, nothing was bought; 130 interrupted. With --json an error is JSON on stdout, too."
)

app = App(
    name="wan-video",
    help="Wan videos through Alibaba Model Studio: paid once, lost never, proven in evidence.",
    help_format="plaintext",
    help_epilogue=EXIT_CODES,
    console=Console(),
    error_console=stderr,
    version=lambda: importlib.metadata.version("wan-video"),
    version_flags=["--version", "-V"],
    # Its exit code is ours to give, like those of errors.
    suppress_keyboard_interrupt=False,
)

# The tools are a room of their own above the commands, which they use.
_ELSEWHERE = {"mcp": "flows.mcp.mcp_command:mcp"}

for name, summary in COMMANDS.items():
    # A file for each command; a look at the list loads none of them.
    function = name.strip("-").replace("-", "_")
    place = _ELSEWHERE.get(name, f"flows.cli.commands.{function}:{function}")
    app.command(place, name=name, help=summary)


def main() -> None:
    """Run the command that was typed and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # Prompts may be Chinese, and not every terminal can show that.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    remember_flags(arguments)
    return guarded(
        lambda: app(arguments, exit_on_error=False, print_error=False, result_action="return_value"),
        as_json="--json" in arguments,
    )


def guarded(command: Callable[[], object], *, as_json: bool = False) -> int:
    """Run a command so that no mistake, of the user or of ours, shows a traceback; its exit code.

    `as_json`: what went wrong is on stdout as JSON, too, unless a result is there already.
    """
    # Read by Prefect when it is imported: what the core logs shows in the UI, and the terminal shows our own
    # lines (flows/cli/console.py) instead of Prefect's.
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "footage")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # What is logged before and after a run has no page to be shown on, and needs no warning for that.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    # A proxy, if there is one, cannot reach the Prefect server and the emulator of this machine. What we open
    # ourselves knows that (footage/network/proxies.py); Prefect's clients have to be told.
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for name in ("all_proxy", "ALL_PROXY"):
        # As desktops write it; Prefect's client knows only the exact word.
        if os.environ.get(name, "").startswith("socks://"):
            os.environ[name] = "socks5" + os.environ[name].removeprefix("socks")
    # A lone * is no proxy at all, and would be an ordinary name beside another one.
    if direct.strip() != "*":
        named = {name.strip() for name in direct.split(",")}
        missing = [name for name in ("127.0.0.1", "localhost", "::1") if name not in named]
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [direct, *missing]))
    with patient_output() as out:
        code, wrong = _run(command)
        if as_json and wrong is not None and not out.written:
            print_json(wrong)
    # Whoever reads a pipe no longer has seen enough.
    if out.failed is None or isinstance(out.failed, BrokenPipeError):
        return code
    tell(f"The result could not be printed: {out.failed.strerror}.", "bold red")
    tell("→ run the same command again: what was made is stored, and not bought twice")
    return code or 7


def _run(command: Callable[[], object]) -> tuple[int, dict[str, Any] | None]:
    """Exit code, and what went wrong as a program reads it."""
    try:
        code = command()
    except CycloptsError as error:
        # Else in its own words, which repeat what was typed.
        words = plain(redact(_misspelt_flag(error) or str(error)))
        stderr.print(CycloptsPanel(words), soft_wrap=False)
        return 2, other_document("Usage", 2, words, billed="no")
    except FootageError as error:
        explain_error(error)
        return error.exit_code, error_document(error)
    except KeyboardInterrupt:
        return 130, other_document("Interrupted", 130, "it was interrupted", billed="unknown")
    except Exception as error:  # noqa: BLE001
        from flows.cli.crash_report import report_crash

        code, what = report_crash(error)
        return code, other_document("Unexpected", code, what, billed="unknown")
    return (code if isinstance(code, int) else 0), None


def _misspelt_flag(error: CycloptsError) -> str | None:
    """Where a command takes a file, a misspelt flag is taken for it, and cyclopts misses only what follows."""
    tokens, unused = error.root_input_tokens or [], error.unused_tokens or []
    before = tokens[tokens.index(unused[0]) - 1] if unused and unused[0] in tokens else ""
    if not isinstance(error, UnusedCliTokensError) or not before.startswith("-"):
        return None
    from flows.cli.request_flags import no_option

    return f"{before} {no_option(before)}"
