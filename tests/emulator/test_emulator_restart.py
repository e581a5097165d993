"""A killed emulator goes on where it was, and leaves nothing behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import footage.emulator
from footage.emulator import Emulator


def test_tasks_books_faults_and_time_survive_a_kill(make_api: Any, tmp_path: Path) -> None:
    with Emulator(render="tiny", speed=50, state_dir=tmp_path) as emulator, make_api(emulator) as api:
        done = api.create(seed=1)
        url = api.finish(done)["video_url"]
        waiting = api.create(size="1280*720", model="wan2.6-t2v-us")
        emulator.fault("cancel-500", times=3)
        before = emulator.ledger()

        emulator.kill()
        emulator.restart()

        after = emulator.ledger()
        assert after["now_s"] >= before["now_s"]
        assert (after["creates"], after["accepted"], after["billed"]) == (2, 2, before["billed"])
        assert api.query(done)["video_url"] == url
        assert httpx.get(url, trust_env=False).content[4:8] == b"ftyp"
        assert api.finish(waiting)["task_status"] == "SUCCEEDED"
        assert api.cancel(done).status_code == 500


def test_a_task_accepted_just_before_the_kill_is_not_forgotten(make_api: Any, tmp_path: Path) -> None:
    with Emulator(render="tiny", state_dir=tmp_path) as emulator, make_api(emulator) as api:
        task_id = api.create()
        emulator.kill()
        emulator.restart()

        assert api.query(task_id)["task_status"] in ("PENDING", "RUNNING")


def test_an_image_task_goes_on_after_a_kill(make_api: Any, make_picture: Any, tmp_path: Path) -> None:
    import base64

    image = "data:image/png;base64," + base64.b64encode(make_picture()).decode()
    with Emulator(render="tiny", state_dir=tmp_path) as emulator, make_api(emulator) as api:
        task_id = api.create_i2v(image, duration=2)
        emulator.kill()
        emulator.restart()

        assert api.finish(task_id)["task_status"] == "SUCCEEDED"


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
def test_a_killed_emulator_leaves_no_render_process(make_api: Any) -> None:
    with Emulator(render="tiny") as emulator, make_api(emulator) as api:
        api.finish(api.create())
        workers = _children(emulator)
        assert workers
        emulator.kill()

        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() and not _zombie(pid) for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _children(emulator: Emulator) -> list[int]:
    pid = emulator.pid
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_command_prints_one_line_with_the_url_and_reads_a_fault_script(tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text("- fault: models-500\n  times: 1\n")
    command = [sys.executable, "-m", "footage.emulator", "--speed", "60", "--faults", str(script)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline() if process.stderr else ""
            base_url = line.split("DASHSCOPE_HTTP_BASE_URL=")[1].split()[0]
            headers = {"Authorization": "Bearer sk-x"}
            with httpx.Client(headers=headers, trust_env=False) as client:
                statuses = [client.get(f"{base_url}/models").status_code for _ in range(2)]
        finally:
            process.terminate()

    assert statuses == [500, 200]
    assert process.returncode == 0


def test_results_stay_reachable_when_the_emulator_comes_back_on_another_port(
    make_api: Any, tmp_path: Path
) -> None:
    with Emulator(render="tiny", state_dir=tmp_path) as emulator, make_api(emulator) as api:
        task_id = api.create()
        old = api.finish(task_id)["video_url"]

    with Emulator(render="tiny", state_dir=tmp_path) as emulator, make_api(emulator) as api:
        url = api.query(task_id)["video_url"]
        assert url.startswith(emulator.url)
        assert url.split("/1d/")[1] == old.split("/1d/")[1]
        assert httpx.get(url, trust_env=False).status_code == 200


def test_a_faulty_script_is_refused_before_the_start(tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([{"fault": "nope"}]))
    command = [sys.executable, "-m", "footage.emulator", "--faults", str(script)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode != 0
    assert "unknown fault 'nope'" in ended.stderr


def test_the_public_part_imports_no_web_framework_and_nothing_of_the_project() -> None:
    code = "import sys, footage.emulator; print([n for n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.replace("'", "").strip("[]\n").split(", "))

    assert not {"starlette", "uvicorn", "av", "PIL", "dashscope"} & loaded
    assert {
        name for name in loaded if name.startswith("footage") and not name.startswith("footage.emulator")
    } == {"footage"}


def test_no_module_of_the_emulator_imports_the_rest_of_the_project() -> None:
    folder = Path(footage.emulator.__file__).parent
    for path in folder.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.lstrip().startswith(("from footage", "import footage")):
                assert "footage.emulator" in line, f"{path.name}: {line}"


def test_a_client_left_hanging_does_not_hold_up_the_end(make_api: Any) -> None:
    with Emulator() as emulator, make_api(emulator) as api:
        emulator.fault("query-hang")
        with pytest.raises(httpx.ReadTimeout):
            api.http.get("/tasks/1", headers=api.headers, timeout=0.1)
        began = time.monotonic()
        emulator.stop()

    assert time.monotonic() - began < 5


def test_it_starts_from_any_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    with Emulator() as emulator:
        assert emulator.health()["ok"]


def test_nothing_of_the_context_is_left_behind(tmp_path: Path) -> None:
    with Emulator() as emulator:
        folder, pid = emulator.state_dir, emulator.pid
        assert folder.exists()

    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
