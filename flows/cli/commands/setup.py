"""`wan-video setup`: everything the project needs on a Prefect server, made once and then left alone."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import hold_status, print_json, show_progress, tell
from flows.cli.flags import BlockName, Switch
from footage.emulated_environment import EMULATED_DEPLOYMENT
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from flows.cli.provisioning import Done
    from footage.credentials import ApiKey

# Runs look for the block of this name by themselves.
_KEY_BLOCK = "dashscope"


def setup(
    *,
    credentials_block: Annotated[str, Parameter(metavar="NAME")] = _KEY_BLOCK,
    storage_block: BlockName = None,
    no_key: Switch = False,
    key_on_open_server: Switch = False,
    emulator: Switch = False,
    remove: Switch = False,
    replace: Switch = False,
    json: Switch = False,
) -> None:
    """Make blocks, work pool, limits, deployments and automations on the Prefect server; may be repeated.

    The server is the configured one (PREFECT_API_URL, a Prefect profile), else a local one that is started.
    Limits, pool, blocks and schedules stay as they are; deployments and the rules of automations are brought
    up to date.

    Args:
        credentials_block: Name for the block that keeps the key; runs look for "dashscope" by themselves.
        storage_block: Also keep where clips go (OUTPUT_DIR and what belongs to it) in a block of this name.
        no_key: Keep the key off the server; every worker then needs it in its environment.
        key_on_open_server: Put the key on the server even if that answers without a login.
        emulator: Make deployments named "emulated" that work with the local stand-in, below emulated/; no key.
        remove: With --emulator: take those away again, with the stand-in and what it made; in a bucket the clips stay.
        replace: Write the blocks anew from this machine's settings.
        json: Print what became of everything as JSON, alone on stdout.
    """
    _check_names(credentials_block=credentials_block, storage_block=storage_block)
    if remove and not emulator:
        raise InvalidRequest(
            problems=(Problem("remove", "(without --emulator)", "only what --emulator made is taken away"),),
            next_step="wan-video setup --emulator --remove",
        )
    if emulator and credentials_block != _KEY_BLOCK:
        what = "no key is kept for the stand-in"
        raise InvalidRequest(
            problems=(Problem("credentials_block", credentials_block, what, "without --emulator"),),
            next_step="wan-video setup --emulator",
        )
    show_progress()
    from flows.cli.server_address import prefect_server

    wishes = Wishes(credentials_block, storage_block, no_key, key_on_open_server, replace)
    with prefect_server() as ui:
        api_url = os.environ["PREFECT_API_URL"]
        done = asyncio.run(_remove_emulated() if remove else _make_all(api_url, wishes, emulator))
    if json:
        print_json([one.to_json() for one in done])
    else:
        for one in done:
            note = f" ({one.note})" if one.note else ""
            print(f"{one.became:<8}{one.kind:<13}{one.name}{note}")
    if not remove:
        pool = next(one.name for one in done if one.kind == "work pool")
        if emulator:
            _tell_next(ui, pool, EMULATED_DEPLOYMENT)
        else:
            _tell_next(ui, pool, "generate-video", _blocks(done))


@dataclass(frozen=True)
class Wishes:
    """What the command was asked to do about the blocks."""

    credentials_block: str
    storage_block: str | None
    no_key: bool
    key_on_open_server: bool
    replace: bool


def _blocks(done: Sequence[Done]) -> list[str]:
    """What a run has to be told to use the blocks that are there; the usual one of the key it finds by itself."""
    there = {one.kind: one.name for one in done if one.became != "skipped"}
    credentials, storage = there.get("credentials"), there.get("storage")
    return [
        *([f"--param credentials_block={credentials}"] if credentials not in (None, _KEY_BLOCK) else []),
        *([f"--param storage_block={storage}"] if storage is not None else []),
    ]


def _tell_next(ui: str, pool: str, deployment: str, blocks: Sequence[str] = ()) -> None:
    from flows.cli.local_server import PROFILE, is_local_server
    from flows.cli.server_address import ui_line

    api_url = f"{ui}/api"
    profile = is_local_server(api_url)
    tell("")
    tell("Next, in this folder or any other:", "bold")
    tell(f"  export PREFECT_PROFILE={PROFILE}" if profile else f"  export PREFECT_API_URL={api_url}")
    tell(f"  prefect worker start --pool {pool}")
    tell(f"  prefect deployment run generate-video/{deployment} --param 'prompt=A paper boat' \\")
    tell(" ".join(["      --param model=wan2.2-t2v-plus --param 'size=832*480'", *blocks]))
    tell(f"  {ui_line(ui)}")


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


async def _make_all(api_url: str, wishes: Wishes, emulator: bool) -> list[Done]:
    from prefect.client.orchestration import get_client

    from flows.cli.provisioning import automations, blocks, prefect_yaml, work_pool

    here = prefect_yaml.find_project()
    async with get_client() as client:
        return [
            *await blocks.register_types(client),
            *([] if emulator else [await _credentials(client, wishes, api_url)]),
            *await _storage(client, wishes.storage_block, wishes.replace),
            await work_pool.make_pool(client, here.pool),
            *await work_pool.make_queues(client, here.pool),
            *await work_pool.make_limits(client, await blocks.accounts(client)),
            *await work_pool.deploy(client, here, here.emulated if emulator else here.deployments, api_url),
            *await automations.make_automations(client, automations.automations()),
        ]


async def _remove_emulated() -> list[Done]:
    """Take away the deployments of the stand-in, the stand-in and what it made."""
    from prefect.client.orchestration import get_client

    from flows.cli.provisioning import Done, prefect_yaml, work_pool
    from footage.emulated_environment import remove_output

    async with get_client() as client:
        done = await work_pool.remove(client, prefect_yaml.find_project().emulated)
    return [*done, *(Done("output", place, "removed") for place in remove_output())]


async def _credentials(client: PrefectClient, wishes: Wishes, api_url: str) -> Done:
    from blocks.credentials import DashScopeCredentials
    from flows.cli.provisioning import Done, blocks
    from footage.settings import load_settings

    kind, name = "credentials", wishes.credentials_block
    there = await blocks.is_there(client, DashScopeCredentials, name)
    if wishes.no_key or (there and not wishes.replace):
        return Done(kind, name, "kept" if there else "skipped", "" if there else "every worker needs the key")
    key = await asyncio.to_thread(_key_here)
    if key is None and not sys.stdin.isatty():
        return Done(kind, name, "skipped", "no key found; set DASHSCOPE_API_KEY and repeat, or use the UI")
    if not wishes.key_on_open_server:
        await asyncio.to_thread(_refuse_open_server, api_url)
    key = key or await asyncio.to_thread(_ask_for_key)
    if key is None:
        return Done(kind, name, "skipped", "no key was typed; repeat, or use the UI")
    await blocks.save_credentials(name, key, load_settings())
    return Done(kind, name, "updated" if there else "made", f"key {key.fingerprint}… from the {key.source}")


def _refuse_open_server(api_url: str) -> None:
    """Raises InvalidRequest where a key would lie open: the API gives blocks in clear to whoever asks."""
    from flows.cli.server_address import answers_anybody
    from footage.privacy.display import shown_reference

    if answers_anybody(api_url):
        what = "answers without a login, so any program and any web page here could read the key"
        raise InvalidRequest(
            problems=(Problem("server", shown_reference(api_url), what),),
            next_step="start it with PREFECT_SERVER_API_AUTH_STRING as flows/README.md says, or keep the key "
            "off it with --no-key, or take the risk with --key-on-open-server",
        )


def _key_here() -> ApiKey | None:
    """The key of this machine, if there is one."""
    from footage.context import key_of_environment
    from footage.errors import AccountProblem

    try:
        return key_of_environment()
    except AccountProblem as error:
        if not sys.stdin.isatty():
            tell(error.message, "yellow")
        return None


def _ask_for_key() -> ApiKey | None:
    """What a person types unseen."""
    import getpass

    from footage.credentials import parse_key

    hold_status()
    typed = getpass.getpass("Model Studio API key (not shown; empty: none): ", sys.stderr).strip()
    return parse_key(typed, "terminal") if typed else None


async def _storage(client: PrefectClient, name: str | None, replace: bool) -> list[Done]:
    if name is None:
        return []
    from blocks.storage import VideoStorage
    from flows.cli.provisioning import Done, blocks
    from footage.settings import load_settings

    settings = load_settings()
    there = await blocks.is_there(client, VideoStorage, name)
    if there and not replace:
        return [Done("storage", name, "kept")]
    await blocks.save_storage(name, settings)
    return [Done("storage", name, "updated" if there else "made", settings.output_dir)]
