"""What is there on the Prefect server, as findings; reads only."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from datetime import timedelta
from http.client import NOT_FOUND
from importlib.metadata import version
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import TypeAdapter

from blocks.credentials import DashScopeCredentials
from flows.cli.local_server import database_file, servers_of_database
from flows.cli.provisioning.automations import automations
from flows.cli.provisioning.blocks import accounts_in
from flows.cli.provisioning.prefect_yaml import find_project
from flows.cli.provisioning.schedules import read_schedules
from flows.cli.server_address import answers_anybody
from footage.catalogue import offered_models
from footage.checkup import Finding, examine
from footage.credentials import DEFAULT_ACCOUNT
from footage.privacy.display import shown_reference
from footage.values.counted import counted
from tasks.limits import PREFIX, submit_limit

_SETUP = "wan-video setup"


def server_findings(client: SyncPrefectClient) -> Generator[Finding]:
    """Whether the server has what `wan-video setup` makes, and works as runs on several machines need it."""
    yield examine("prefect", lambda: _versions(client))
    yield examine("server", lambda: _leases(client)).as_warning()
    yield examine("retention", lambda: _retention(client)).as_warning()
    yield examine("login", lambda: _login(client)).as_warning()
    yield examine("work pool", lambda: _pool(client)).as_warning()
    yield examine("deployments", lambda: _deployments(client)).as_warning()
    yield examine("schedules", lambda: _schedules(client)).as_warning()
    yield examine("limits", lambda: _limits(client)).as_warning()
    yield examine("automations", lambda: _automations(client)).as_warning()


def _versions(client: SyncPrefectClient) -> Finding:
    ours, theirs = version("prefect"), client.api_version()
    if ours.split(".")[:2] != theirs.split(".")[:2]:
        return Finding(
            "prefect", "warn", f"server {theirs}, here {ours}", "run the same minor version on both sides"
        )
    return Finding("prefect", "ok", f"server {theirs} at {shown_reference(str(client.api_url))}, here {ours}")


def _settings(client: SyncPrefectClient) -> dict[str, Any] | None:
    """The settings that the server tells of itself."""
    try:
        return client.request("GET", "/admin/settings").json()["server"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _leases(client: SyncPrefectClient) -> Finding:
    """Whether a restart of the server is harmless."""
    server = _settings(client)
    if server is None:
        return Finding("server", "ok", "does not tell its settings")
    leases = str(server.get("concurrency", {}).get("lease_storage", ""))
    if leases.endswith(".memory"):
        return Finding(
            "server",
            "warn",
            "keeps leases in memory: restarting it kills runs that hold a concurrency limit",
            "start it with PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE="
            "prefect.server.concurrency.lease_storage.filesystem (one host) or prefect_redis.lease_storage",
        )
    return Finding("server", "ok", f"leases in {leases.rsplit('.', 1)[-1] or 'a storage of its own'}")


def _retention(client: SyncPrefectClient) -> Finding:
    """Whether the server ever deletes the runs that it keeps."""
    vacuum: dict[str, Any] = ((_settings(client) or {}).get("services") or {}).get("db_vacuum") or {}
    if "enabled" not in vacuum:
        return Finding("retention", "ok", "the server does not tell how long it keeps runs")
    enabled = vacuum["enabled"]
    if enabled is True or (isinstance(enabled, list) and "flow_runs" in enabled):
        kept = TypeAdapter(timedelta).validate_python(vacuum["retention_period"])
        return Finding(
            "retention", "ok", f"the server keeps runs for {counted(kept.days, 'day')} after their end"
        )
    return Finding(
        "retention",
        "warn",
        "the server keeps every run for ever, and its database grows with each clip",
        "start it with PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs (flows/README.md, Retention)",
    )


def _login(client: SyncPrefectClient) -> Finding:
    """Whether the server keeps blocks and deployments from those who only know its address."""
    if answers_anybody(str(client.api_url)):
        return Finding(
            "login",
            "warn",
            "the server answers without one: any program and any web page that is open on a machine that "
            "reaches it can read block secrets and start what buys",
            "start it with PREFECT_SERVER_API_AUTH_STRING and PREFECT_SERVER_CORS_ALLOWED_ORIGINS (flows/README.md, "
            "The server), or use the local one: wan-video server start",
        )
    return Finding("login", "ok", "the server asks for one")


def database_finding() -> Finding:
    """Whether this home's database has one server at the most; needs no server."""
    servers = servers_of_database()
    if len(servers) > 1:
        processes = ", ".join(str(server.pid) for server in servers)
        return Finding(
            "database",
            "warn",
            f"{len(servers)} Prefect servers (processes {processes}) keep one database, {database_file()}: "
            "they start each other's runs, and block each other",
            "stop all but one; the local one with: wan-video server stop",
        )
    return Finding(
        "database", "ok", f"used by {counted(len(servers), 'local Prefect server')}: {database_file()}"
    )


def _schedules(client: SyncPrefectClient) -> Finding:
    found = list(read_schedules(client, find_project()))
    emptied = [one for one in found if one.lost]
    if emptied:
        first = emptied[0]
        names = ", ".join(f"{one.slug} of {one.deployment}" for one in emptied)
        return Finding(
            "schedules",
            "warn",
            f"without parameters: {names}; Prefect's own `schedule resume` and `pause` take them away, and such "
            "runs crash",
            f"wan-video schedule {'resume' if first.active else 'pause'} {first.deployment} {first.slug}",
        )
    on = [f"{one.deployment} {one.slug}" for one in found if one.active]
    return Finding("schedules", "ok", f"on: {', '.join(on) or 'none'}")


def _pool(client: SyncPrefectClient) -> Finding:
    name = find_project().pool
    try:
        answer = client.request(
            "POST",
            "/work_pools/{work_pool_name}/workers/filter",
            path_params={"work_pool_name": name},
            json={},
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:
            raise
        return Finding("work pool", "warn", f"there is none named {name}", "wan-video setup")
    workers = [worker["name"] for worker in answer.json() if worker["status"] == WorkerStatus.ONLINE.value]
    if not workers:
        return Finding(
            "work pool",
            "warn",
            f"no worker of {name} is online, so deployments wait; wan-video generate needs none",
            f"prefect worker start --pool {name}",
        )
    return Finding(
        "work pool", "ok", f"{name}: {counted(len(workers), 'worker')} online ({', '.join(workers[:5])})"
    )


def _deployments(client: SyncPrefectClient) -> Finding:
    wanted = find_project().deployments
    answer = client.request(
        "POST", "/deployments/filter", json={"deployments": {"tags": {"all_": ["wan-video"]}}}
    )
    there = {deployment["name"] for deployment in answer.json()}
    missing = [name for name in wanted if name.split("/")[1] not in there]
    if missing:
        return Finding("deployments", "warn", f"missing: {', '.join(missing)}", _SETUP)
    return Finding("deployments", "ok", ", ".join(wanted))


def _limits(client: SyncPrefectClient) -> Finding:
    answer = client.request("POST", "/v2/concurrency_limits/filter", json={"limit": 200})
    there = {limit["name"]: limit for limit in answer.json() if limit["name"].startswith(PREFIX)}
    stopped = [name for name, limit in there.items() if limit["active"] and limit["limit"] == 0]
    if stopped:
        return Finding(
            "limits",
            "warn",
            f"nothing is bought now: {', '.join(stopped)} is 0",
            f"prefect global-concurrency-limit update {stopped[0]} --limit N",
        )
    for account in _accounts(client):
        wanted = [submit_limit(model, account) for model in offered_models()]
        missing = [name for name in wanted if name not in there]
        if missing:
            without = (
                "nothing paces creates: one that comes too early is refused with 429, unbilled, and sent again"
                if account == DEFAULT_ACCOUNT
                else f"each process paces creates of the account {account} alone"
            )
            return Finding(
                "limits", "warn", f"{len(missing)} of {len(wanted)} models have none, so {without}", _SETUP
            )
    return Finding("limits", "ok", f"creates of {len(there)} models are paced")


def _accounts(client: SyncPrefectClient) -> list[str]:
    """The accounts whose keys are in blocks of this server; the default one first, whether it has a block or not."""
    slug = DashScopeCredentials.get_block_type_slug()
    try:
        blocks = client.read_block_documents_by_type(slug, include_secrets=False)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != NOT_FOUND:
            raise
        # Nobody ran setup, or saved a block.
        return accounts_in([])
    return accounts_in(block.data for block in blocks if block.name)


def _automations(client: SyncPrefectClient) -> Finding:
    answer = client.request("POST", "/automations/filter", json={})
    there = {automation["name"]: automation["enabled"] for automation in answer.json()}
    off = [automation.name for automation in automations() if not there.get(automation.name)]
    if off:
        # Setup leaves what was switched off as it is.
        switched_off = [f"prefect automation resume {shlex.quote(name)}" for name in off if name in there]
        setup = [] if len(switched_off) == len(off) else [_SETUP]
        return Finding(
            "automations",
            "warn",
            f"missing or switched off: {', '.join(off)}; a dead worker's runs stay Running",
            "; ".join([*setup, *switched_off]),
        )
    return Finding("automations", "ok", "runs of a dead worker go on by themselves")
