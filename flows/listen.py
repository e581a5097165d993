"""The receiver of the provider's completion events as a run: it serves until it is stopped, and is started again.

    event ─► verified ─► note in the store ─► the waiting run asks at once, or the clip is finished by its key

Where containers run (.deploy/listen.json, .deploy/compose.yaml), a service of `wan-video listen` does the same.

Requires: WAN_VIDEO_PUSH_URL and WAN_VIDEO_PUSH_TOKEN in the worker's environment, and a proxy with TLS in front.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from footage.errors import FootageError
from tasks.context import context_of
from tasks.event_server import Place, serve
from tasks.final_states import stopped


@flow(name="listen", flow_run_name="listen-{port}", persist_result=True, result_serializer="json")
async def listen(
    host: str = "127.0.0.1",
    port: Annotated[int, Field(ge=0, le=65535)] = 8787,
    credentials_block: str | None = None,
    storage_block: str | None = None,
) -> State[Any]:
    """Take completion events until the run is cancelled, so that finished clips are fetched at once.

    Args:
        host: Address of the worker's machine to listen on.
        port: Port to listen on.
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR.
    """
    try:
        async with context_of(flow_run.id, credentials_block, storage_block) as context:
            await serve(context, Place(host, port), shlex.split(" ".join(context.flags)))
            return Completed(message="The receiver was told to end.")
    except FootageError as error:
        return await stopped("The receiver", error)
