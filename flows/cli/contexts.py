"""Where a command works: with the blocks of the Prefect server if there is one, and closed when it is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator

from flows.cli.console import flags_here
from footage.context import Context, open_context
from footage.errors import Unreachable
from footage.errors.actions import Setup


@contextlib.contextmanager
def context_with_blocks(credentials_block: str | None, storage_block: str | None) -> Generator[Context]:
    """What a run with these blocks would have, open within the block; Prefect has to be talking to a server.

    Raises:
        AccountProblem, InvalidRequest: There is no such block.
    """
    from tasks.context import context_of

    # One loop from the beginning to the end: the block's connections belong to it.
    with asyncio.Runner() as runner:
        opened = context_of(None, credentials_block, storage_block)
        context = runner.run(opened.__aenter__())
        try:
            yield context
        finally:
            runner.run(opened.__aexit__(None, None, None))


@contextlib.contextmanager
def context_alone(credentials_block: str | None, storage_block: str | None) -> Generator[Context]:
    """What a run without a Prefect server has, open within the block.

    Raises:
        Unreachable: A block was named; blocks are on a server.
    """
    if credentials_block or storage_block:
        raise Unreachable("Blocks are on a Prefect server, and none is running.", next_step=Setup())
    with open_context(flags=flags_here()) as context:
        yield context


@contextlib.contextmanager
def store_here(storage_block: str | None) -> Generator[Context]:
    """For what needs the store and nothing else: a server is asked only for a block that is named, and no key.

    Raises:
        InvalidRequest: There is no such block.
        Unreachable: A block was named, and there is no Prefect server.
    """
    with context_before_run(None, storage_block) as context:
        yield context


@contextlib.contextmanager
def context_before_run(credentials_block: str | None, storage_block: str | None) -> Generator[Context]:
    """For what is checked and priced before a run with these blocks; without any no server is asked.

    Raises:
        AccountProblem, InvalidRequest: There is no such block.
        Unreachable: A block was named, and there is no Prefect server.
    """
    where = context_here if credentials_block or storage_block else context_alone
    with where(credentials_block, storage_block) as context:
        yield context


@contextlib.contextmanager
def context_here(credentials_block: str | None, storage_block: str | None) -> Generator[Context]:
    """With the server's blocks where one answers, else alone; a server is started for a block that is named, and where
    the only key may be in a block of the local one.

    Raises:
        AccountProblem, InvalidRequest: There is no such block.
        Unreachable: A block was named, and there is no Prefect server.
    """
    from flows.cli.server_address import found_server, key_needs_server, prefect_server, talking_to

    url, has_to_run = None, bool(credentials_block or storage_block)
    if not has_to_run:
        # What is paid for must be cancelled also while Prefect is away; then the key is the environment's.
        with contextlib.suppress(Unreachable):
            url = found_server()
            has_to_run = url is None and key_needs_server()
    if has_to_run:
        with prefect_server(), context_with_blocks(credentials_block, storage_block) as context:
            yield context
        return
    if url is None:
        with context_alone(None, None) as context:
            yield context
        return
    with talking_to(url), context_with_blocks(None, None) as context:
        yield context
