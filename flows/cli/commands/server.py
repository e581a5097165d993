"""`wan-video server`: the local Prefect server, for those who want to see it, start it or stop it."""

from __future__ import annotations

from typing import Literal

from flows.cli.console import show_progress, tell


def server(action: Literal["start", "stop", "status"] = "status", /) -> None:
    """Start or stop the local Prefect server, or say where it is and how to log in.

    It keeps its runs in this home's Prefect database, and answers on 127.0.0.1 only.

    Args:
        action: start, stop or status.
    """
    from flows.cli import local_server
    from flows.cli.server_address import check_access, ui_line

    if action == "stop":
        tell("Stopped." if local_server.stop_local_server() else "The local Prefect server does not run.")
        return
    show_progress()
    url = local_server.start_local_server() if action == "start" else local_server.running_address()
    if url is None:
        tell("The local Prefect server does not run; start it with: wan-video server start")
        return
    check_access(url)
    print(ui_line(url.removesuffix("/api")))
    tell(f"Prefect's own commands find it with: export PREFECT_PROFILE={local_server.PROFILE}")
