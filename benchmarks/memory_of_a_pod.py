"""The memory of what a pod of Kubernetes or a task of ECS runs: a clip that is converted, and a board of twelve shots.

`prefect flow-run execute` and all its children, sampled ten times a second (Linux). Pages that processes share count
once, as they do for a container. The stand-in delivers real MP4s of the size and length that were asked for.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

ROOT = Path(__file__).parents[1]
BOARD = ROOT / "footage/storyboard/examples/lighthouse.yaml"
CLIP = {"prompt": "A paper boat", "model": "wan2.2-t2v-plus", "size": "1920*1080", "fps": 24}


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="memory-of-a-pod-"))
    os.environ |= {"PREFECT_HOME": str(folder / "prefect"), "OUTPUT_DIR": str(folder / "output")}
    os.environ.pop("PREFECT_API_URL", None)
    from flows.cli import run
    from flows.cli.local_server import auth_string, running_address, stop_local_server
    from flows.cli.server_address import prefect_server
    from footage.emulator import Emulator

    board: dict[str, Any] = yaml.safe_load(BOARD.read_text("utf-8"))
    for shot in (board["defaults"], *board["shots"]):
        if "reference_image" in shot:
            shot["reference_image"] = str(BOARD.parent / shot["reference_image"])
    with Emulator(speed=20, rate_limits=False, concurrency=100) as emulator:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": emulator.base_url, "DASHSCOPE_API_KEY": emulator.api_key}
        os.environ["WAN_VIDEO_INPUT_ROOTS"] = f'["{ROOT}"]'
        try:
            with prefect_server():
                assert run(["setup", "--no-key"]) == 0
                url = running_address()
                login = auth_string()
                with httpx.Client(base_url=f"{url}/", auth=tuple(login.split(":")), timeout=60) as api:
                    for name, parameters in (("generate-video", CLIP), ("storyboard", {"board": board})):
                        measure(api, f"{url}", login, name, parameters)
        finally:
            stop_local_server()


def measure(api: httpx.Client, url: str, login: str, name: str, parameters: dict[str, Any]) -> None:
    deployment = api.get(f"deployments/name/{name}/{name}").raise_for_status().json()["id"]
    asked = api.post(f"deployments/{deployment}/create_flow_run", json={"parameters": parameters})
    run = asked.raise_for_status().json()["id"]
    environment = {
        **os.environ,
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT__FLOW_RUN_ID": run,
    }
    command = [sys.executable, "-m", "prefect", "flow-run", "execute"]
    pod = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    samples: list[int] = []
    while pod.poll() is None:
        samples.append(memory(pod.pid))
        time.sleep(0.1)
    state = api.get(f"flow_runs/{run}").json()["state"]
    print(
        f"{name}: {state['name']}, at the most {max(samples) / 1e6:.0f} MB, "
        f"{sorted(samples)[len(samples) // 2] / 1e6:.0f} MB half of the time",
        flush=True,
    )


def memory(pid: int) -> int:
    """Resident bytes of a process and its children, shared pages counted once."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += one.memory_full_info().pss
    return total


if __name__ == "__main__":
    main()
