"""`wan-video setup`: everything the project needs on a Prefect server, made once and then left alone."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.flags import BlockName, Switch
from flows.cli.say import print_json, tell
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from flows.cli.house import Done
    from footage.credentials import ApiKey


def setup(
    *,
    credentials_block: Annotated[str, Parameter(metavar="NAME")] = "dashscope",
    storage_block: BlockName = None,
    no_key: Switch = False,
    replace: Switch = False,
    json: Switch = False,
) -> None:
    """Make blocks, work pool, limits, deployments and automations on the Prefect server; may be repeated.

    The server is the configured one (PREFECT_API_URL, a Prefect profile), else a local one that is started.
    What is there already is left as it is.

    Args:
        credentials_block: Name for the block that keeps the key; runs look for "dashscope" by themselves.
        storage_block: Also keep where clips go (OUTPUT_DIR and what belongs to it) in a block of this name.
        no_key: Keep the key off the server; every worker then needs it in its environment.
        replace: Write the blocks anew from this machine's settings.
        json: Print what became of everything as JSON, alone on stdout.
    """
    _check_names(credentials_block=credentials_block, storage_block=storage_block)
    from flows.cli.server import prefect_server

    with prefect_server() as ui:
        api_url = os.environ["PREFECT_API_URL"]
        done = asyncio.run(_make_all(api_url, credentials_block, storage_block, no_key, replace))
    if json:
        print_json([one.to_json() for one in done])
    else:
        for one in done:
            note = f" ({one.note})" if one.note else ""
            print(f"{one.became:<8}{one.kind:<13}{one.name}{note}")
    pool = next(one.name for one in done if one.kind == "work pool")
    tell("")
    tell("Next, in this folder or any other:", "bold")
    tell(f"  export PREFECT_API_URL={ui}/api")
    tell(f"  prefect worker start --pool {pool}")
    tell("  prefect deployment run generate-video/generate-video --param 'prompt=A paper boat' \\")
    tell("      --param model=wan2.2-t2v-plus --param 'size=832*480'")
    tell(f"  Prefect UI: {ui}")


def _check_names(**names: str | None) -> None:
    # Prefect's own rule; it would be told only after half of the work is done.
    wrong = {
        name: value
        for name, value in names.items()
        if value is not None and not re.fullmatch("[a-z0-9-]+", value)
    }
    if wrong:
        what, allowed = "is no name for a block.", "lowercase letters, digits and dashes"
        raise InvalidRequest(
            problems=tuple(Problem(name, repr(wrong[name]), what, allowed) for name in wrong)
        )


async def _make_all(
    api_url: str, credentials_block: str, storage_block: str | None, no_key: bool, replace: bool
) -> list[Done]:
    from prefect.client.orchestration import get_client

    from flows.cli.house import automations, blocks, project, work

    here = project.find_project()
    async with get_client() as client:
        return [
            *await blocks.register_types(client),
            await _credentials(client, credentials_block, no_key, replace),
            *await _storage(client, storage_block, replace),
            await work.make_pool(client, here.pool),
            await work.make_queue(client, here.pool),
            *await work.make_limits(client),
            *await work.deploy(client, here, api_url),
            *await automations.make_automations(client, automations.automations()),
        ]


async def _credentials(client: PrefectClient, name: str, no_key: bool, replace: bool) -> Done:
    from blocks.credentials import DashScopeCredentials
    from flows.cli.house import Done, blocks
    from footage.settings import load_settings

    kind = "credentials"
    there = await blocks.is_there(client, DashScopeCredentials, name)
    if no_key or (there and not replace):
        return Done(kind, name, "kept" if there else "skipped", "" if there else "every worker needs the key")
    key = await asyncio.to_thread(_find_or_ask)
    if key is None:
        return Done(kind, name, "skipped", "no key found; set DASHSCOPE_API_KEY and repeat, or use the UI")
    await blocks.save_credentials(name, key, load_settings())
    return Done(kind, name, "updated" if there else "made", f"key {key.fingerprint}… from the {key.source}")


def _find_or_ask() -> ApiKey | None:
    """The key of this machine, else what a person types unseen; None where nobody can be asked."""
    import getpass

    from footage.credentials import parse_key
    from footage.errors import AccountProblem
    from footage.studio import key_of_environment

    try:
        return key_of_environment()
    except AccountProblem as error:
        if not sys.stdin.isatty():
            tell(error.message, "yellow")
            return None
    typed = getpass.getpass("Model Studio API key (not shown; empty: none): ", sys.stderr).strip()
    return parse_key(typed, "terminal") if typed else None


async def _storage(client: PrefectClient, name: str | None, replace: bool) -> list[Done]:
    if name is None:
        return []
    from blocks.storage import VideoStorage
    from flows.cli.house import Done, blocks
    from footage.settings import load_settings

    settings = load_settings()
    there = await blocks.is_there(client, VideoStorage, name)
    if there and not replace:
        return [Done("storage", name, "kept")]
    await blocks.save_storage(name, settings)
    return [Done("storage", name, "updated" if there else "made", settings.output_dir)]
