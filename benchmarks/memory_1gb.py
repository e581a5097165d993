"""How much memory a 1 GB result takes on its way to disk and to S3 (Linux).

    python benchmarks/memory_1gb.py [MEGABYTES]

Each way runs in a process of its own, warmed up with a small file; what counts is the peak of resident
memory above where it stood then. Target: below 100 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from throttled import make_file, running

TARGET_MB = 100


def main(megabytes: int) -> None:
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, running("sink", "0") as sink:
        small = make_file(Path(folder) / "small.mp4", 12 << 20)
        large = make_file(Path(folder) / "large.mp4", megabytes << 20)
        with running("source", str(small), "0") as warm, running("source", str(large), "0") as hot:
            for name, store in {
                "to a folder": f"{folder}/store",
                "to S3": f"s3://bucket/base@http://127.0.0.1:{sink}",
            }.items():
                done = subprocess.run(
                    [sys.executable, __file__, "--child", store, str(warm), str(hot), folder],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                seconds, above = json.loads(done.stdout)
                worst = max(worst, above)
                print(f"{megabytes} MB {name:12} {seconds:6.1f} s   peak {above:5.0f} MB above baseline")
    print(f"target below {TARGET_MB} MB: {'reached' if worst < TARGET_MB else 'MISSED'}")
    sys.exit(0 if worst < TARGET_MB else 1)


def child(where: str, warm: str, hot: str, folder: str) -> None:
    from footage.storage import open_store
    from footage.transfer import Limits, download

    url, _, endpoint = where.partition("@")
    options = {
        "key": "k",
        "secret": "s",
        "endpoint_url": endpoint,
        "client_kwargs": {"region_name": "us-east-1"},
    }
    store = open_store(url, options if endpoint else None)

    def carry(port: str, name: str) -> None:
        landed = Path(folder) / "landed"
        download(lambda: f"http://127.0.0.1:{port}/x", landed, Limits(allow_loopback=True))
        store.create_file(name, landed)

    carry(warm, "videos/warm.mp4")
    # 5: forget the peak so far (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = status_mb("VmRSS"), time.perf_counter()
    carry(hot, "videos/hot.mp4")
    print(json.dumps([time.perf_counter() - begun, status_mb("VmHWM") - before]))


def status_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
