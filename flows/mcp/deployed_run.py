"""A clip finished by a run of the deployment `finish-video`, where workers take such runs now."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, WorkerStatus
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.cli.clip_process import Ended
from flows.cli.server_address import talking_here_to
from footage.errors import NotFinished

logger = logging.getLogger("footage.mcp")

DEPLOYMENT = "finish-video/finish-video"
_LOOK_EVERY_S = 2.0


class DeployedRun:
    """A run on another process; how it ended is asked for every other second."""

    def __init__(self, url: str, run_id: UUID) -> None:
        self._url = url
        self.run_id = run_id
        self._looked_s = time.monotonic()
        self._ended: Ended | None = None

    def ended(self) -> Ended | None:
        if self._ended is None and time.monotonic() - self._looked_s > _LOOK_EVERY_S:
            self._looked_s = time.monotonic()
            try:
                with talking_here_to(self._url):
                    run = asyncio.run(_read(self.run_id))
            except (httpx.HTTPError, PrefectHTTPStatusError) as error:
                logger.warning("Prefect does not say how a run is (%s).", type(error).__name__)
                return None
            if run.state is not None and run.state.is_final():
                code = 0 if run.state.is_completed() else NotFinished.exit_code
                self._ended = Ended(code, None)
        return self._ended

    def close(self) -> None:
        """Nothing is held."""


def start_deployed_run(url: str, parameters: dict[str, Any]) -> DeployedRun | None:
    """Start a run with these parameters; None where no worker would take it now."""
    try:
        with talking_here_to(url):
            run = asyncio.run(_start(parameters))
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        logger.warning("No run could be started (%s); a process here makes the clip.", type(error).__name__)
        return None
    return None if run is None else DeployedRun(url, run.id)


async def _start(parameters: dict[str, Any]) -> FlowRun | None:
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return None
        if found.work_pool_name is None:
            return None
        workers = await client.read_workers_for_work_pool(found.work_pool_name)
        if not any(worker.status is WorkerStatus.ONLINE for worker in workers):
            return None
        return await client.create_flow_run_from_deployment(found.id, parameters=parameters)


async def _read(run_id: UUID) -> FlowRun:
    async with get_client() as client:
        return await client.read_flow_run(run_id)
