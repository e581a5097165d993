"""`make demo`: one clip from text and one from an image, through the real flow, on the local stand-in."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from flows.cli import guarded
from flows.cli.console import show_progress, tell
from flows.cli.emulator_client import emulated
from footage.request import VideoResponse

PICTURE = Path(str(files("footage.storyboard"))) / "examples" / "keeper.jpg"

REQUESTS: tuple[dict[str, Any], ...] = (
    {
        "model": "wan2.2-t2v-plus",
        "size": "832*480",
        "prompt": "A lighthouse on a cliff at dusk, the lamp begins to turn, long waves below",
        "seed": 7,
    },
    {
        "model": "wan2.6-i2v-flash",
        "size": "1280*720",
        "duration": 4,
        "fps": 24,
        "reference_image": str(PICTURE),
        "prompt": "The keeper lifts his lantern and looks out to sea, slow push in",
        "seed": 7,
    },
)


def demo() -> None:
    """Make both clips and say where everything is."""
    from flows.cli.run_flow import outcome, run_state
    from flows.cli.server_address import prefect_server, ui_line
    from flows.generate import generate_video

    show_progress()
    with emulated(), prefect_server() as ui:
        for request in REQUESTS:
            tell(f"\n{request['model']}: {request['prompt']}", "bold")
            state = run_state(generate_video, request)
            response = VideoResponse.model_validate(outcome(state))
            _show(response, f"{ui}/runs/flow-run/{state.state_details.flow_run_id}")
        tell(
            f"\nAll runs: {ui}/runs    Stop the server with: {Path(sys.executable).parent}/wan-video server stop"
        )
        tell(ui_line(ui))
        tell("Next: wan-video explain --help, and the README for a key of your own.")


def _show(response: VideoResponse, run_url: str) -> None:
    how = "stored already, nothing was asked of the provider" if response.cached else "made just now"
    tell(f"{response.duration:g} s, {response.fps:g} fps, {response.size} ({how})", "green")
    for label, url in (
        ("clip", response.video_url),
        ("original", response.original_url),
        ("poster", response.thumbnail_url),
        ("sheet", response.contact_sheet_url),
        ("evidence", response.evidence_url),
        ("run", run_url),
    ):
        if url:
            tell(f"  {label:<9} {url}")


if __name__ == "__main__":
    sys.exit(guarded(demo))
