"""The blocks that are saved at a Prefect server."""

from __future__ import annotations

from http.client import NOT_FOUND
from typing import TYPE_CHECKING, TypeVar

from prefect.blocks.core import Block
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import ValidationError

from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import BlockDocument

B = TypeVar("B", bound=Block)


async def load_block(kind: type[B], name: str) -> B | None:
    """The block of this name; None when there is none.

    Raises:
        InvalidRequest: There is one, and what is saved in it cannot be used any more.
    """
    try:
        block = await kind.aload(name)
    except RuntimeError as error:
        # Prefect's "failed validation"; the values themselves may be secrets and are not repeated.
        wrong = error.__cause__
        if not isinstance(wrong, ValidationError):
            raise
        raise _unusable(
            kind, name, [(".".join(map(str, e["loc"])), e["msg"]) for e in wrong.errors()]
        ) from None
    except ValueError:
        # "Unable to find block document".
        return None
    # A block that was saved by an older version is loaded without the fields it lacks.
    missing = [
        (field, "is missing")
        for field, info in kind.model_fields.items()
        if info.is_required() and getattr(block, field, None) is None
    ]
    if missing:
        raise _unusable(kind, name, missing)
    return block


def _unusable(kind: type[Block], name: str, wrong: list[tuple[str, str]]) -> InvalidRequest:
    block = f"{kind.get_block_type_name()} {name}"
    return InvalidRequest(
        problems=tuple(
            Problem(f"{block}: {field or 'fields'}", "(saved)", message.removeprefix("Value error, "))
            for field, message in wrong
        ),
        next_step="correct the block in the Prefect UI under Blocks, or save it anew",
    )


async def saved_blocks(client: PrefectClient, kind: type[Block]) -> list[BlockDocument]:
    """All blocks of a kind that have a name, by name, without the secrets in them."""
    try:
        # The server gives all of them, whatever offset and limit it is asked for.
        found = await client.read_block_documents_by_type(kind.get_block_type_slug(), include_secrets=False)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != NOT_FOUND:
            raise
        # The type is not registered: nobody ran `wan-video setup` or saved one.
        return []
    return sorted((block for block in found if block.name and not block.is_anonymous), key=_name)


def _name(block: BlockDocument) -> str:
    return block.name or ""
