"""A killed emulator goes on where it was, and leaves nothing behind."""

import math
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import footage.emulator
from footage.emulator import CannotStart, Emulator, serve


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


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("port", 99999, "from 0, which takes a free one, to 65535"),
        ("port", -1, "from 0, which"),
        ("speed", 0.0, "must be above 0 and at most"),
        ("speed", math.nan, "must be above 0"),
        ("speed", math.inf, "at most 100000"),
        ("faults_file", "nowhere.json", "nowhere.json: cannot be read"),
        ("faults_file", "[{'fault'", "Expecting"),
        ("faults_file", '{"fault": "query-500"}', "a list of orders"),
        ("faults_file", '["query-500"]', "script.json: "),
        ("faults_file", '[{"fault": "nope"}]', "unknown fault 'nope'"),
        ("faults_file", '[{"fault": "query-500", "times": "twice"}]', "twice"),
        ("state_dir", __file__, "nothing can be kept there"),
        ("knobs", {"nope": 1}, "unknown emulator knobs"),
    ],
)
def test_what_it_cannot_start_with_is_named_before_the_start(
    option: str, value: Any, why: str, tmp_path: Path
) -> None:
    if option == "faults_file" and value.startswith(("[", "{")):
        (tmp_path / "script.json").write_text(value)
        value = tmp_path / "script.json"

    with pytest.raises(CannotStart, match=re.escape(why)) as refused:
        serve(**{option: value})

    assert refused.value.option == option.split("_")[0]


def test_a_taken_port_is_named_before_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(CannotStart, match="in use; 0 takes"):
        serve(port=other.getsockname()[1])


def test_a_slip_in_the_command_gets_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "footage.emulator", "--faults", str(tmp_path / "none.yaml")]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


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
