"""What one server of tools works with: a store, the provider's key, and who makes what was bought."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.context import Context, open_context
from footage.errors import Unreachable
from footage.errors.actions import Setup
from footage.input_roots import InputRoots
from footage.values.money import Amount

if TYPE_CHECKING:
    from flows.cli.clip_process import ClipWorker


class Workers:
    """Who makes what was bought, by clip or board: one at a time for each, however often it is asked for."""

    def __init__(self) -> None:
        self._working: dict[str, ClipWorker] = {}
        self._lock = threading.Lock()

    def of(self, name: str) -> ClipWorker | None:
        """Who was started for it last."""
        return self._working.get(name)

    def start(self, name: str, begin: Callable[[], ClipWorker]) -> ClipWorker:
        """Who works on it now, started if nobody does."""
        with self._lock:
            working = self._working.get(name)
            if working is None or working.ended() is not None:
                working = self._working[name] = begin()
            return working

    def close(self) -> None:
        """Forget them; they go on."""
        for working in self._working.values():
            working.close()


@dataclass
class ServerContext:
    """What one server of tools works with; each call opens its own context."""

    credentials_block: str | None = None
    storage_block: str | None = None
    # Up to this price nobody is asked; None: a person is asked about every purchase.
    approve_above: Amount | None = None
    workers: Workers = field(default_factory=Workers)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def flags(self) -> Sequence[str]:
        """The options with which a command finds what is made here."""
        given = {"--credentials-block": self.credentials_block, "--storage-block": self.storage_block}
        return [f"{name}={value}" for name, value in given.items() if value]

    @contextlib.contextmanager
    def store(self) -> Generator[Context]:
        """For what needs the store and no key; Prefect is asked only for a block that was named."""
        if self.storage_block is not None:
            with self.provider() as context:
                yield context
            return
        with open_context(bounded=True) as context:
            yield context

    @contextlib.contextmanager
    def provider(self) -> Generator[Context]:
        """With the blocks of the Prefect server where one answers, else with the environment's key.

        Raises:
            AccountProblem, InvalidRequest: There is no such block.
            Unreachable: A block was named, and there is no Prefect server.
        """
        url = self.server()
        if url is None:
            if self.credentials_block or self.storage_block:
                raise Unreachable("Blocks are on a Prefect server, and none is running.", next_step=Setup())
            with open_context(bounded=True) as context:
                yield context
            return
        from flows.cli.contexts import context_with_blocks
        from flows.cli.server_address import talking_here_to

        with (
            talking_here_to(url),
            context_with_blocks(self.credentials_block, self.storage_block) as context,
        ):
            # What a model names is read from the folders that the operator allows, and from no other.
            context.input_roots = InputRoots(context.settings.readable_folders)
            yield context

    def server(self) -> str | None:
        """The address of the Prefect server that answers now; the local one is started where only it may have a key."""
        # Prefect takes a second to load, and several threads must not begin with it at once.
        with self._lock, contextlib.suppress(Unreachable):
            from flows.cli.server_address import found_server, key_needs_server

            url = found_server()
            if url is None and key_needs_server():
                from flows.cli.local_server import start_local_server

                url = start_local_server()
            return url
        return None
