"""Is everything in place? Buys nothing, and sets the markers of open clips right. Runs every night.

    compile ─► import flows ─► orders, media, store ─► ask the provider ─► stored clips, markers ─► validate.txt

Requires: nothing. With a key the provider is asked, too; what it says does not make the project invalid.
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.runtime import flow_run

import flows
from footage.checkup import Finding
from footage.errors import FootageError
from tasks.context import context_of
from tasks.final_states import stopped
from tasks.other_stores import in_other_stores
from tasks.validate import validate_project
from tasks.validation_report import validated


@flow(name="validate", flow_run_name="validate", persist_result=True, result_serializer="json")
async def validate(
    credentials_block: str | None = None,
    storage_block: str | None = None,
) -> State[dict[str, Any]]:
    """Check code, flows, store and provider, and write validate.txt into the output folder.

    Args:
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment, and with it every credentials block of its region.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR, and the store of every Video Storage block of
            the server, in a run of its own.
    """
    try:
        async with context_of(flow_run.id, credentials_block, storage_block, every_account=True) as context:
            findings, report_url = await validate_project(flows, context)
            if storage_block is None:
                blocks = {"credentials_block": credentials_block}
                elsewhere = await in_other_stores(context, validate, **blocks)
                findings += [Finding("other stores", "warn", told) for told in elsewhere]
            return await validated(findings, report_url)
    except FootageError as error:
        return await stopped("Validation", error)
