"""One large file from a server on this machine to disk: ours, with both hashes, beside curl without any.

    python benchmarks/download_vs_curl.py [ROUNDS] [MEGABYTES]

Both run in turn, so that a busy machine slows both. CRC-64 is computed in the stream and SHA-256 on a
second core beside it. Target: at least 0.9 of curl's speed (medians of one run).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from throttled import make_file, running

from footage.transfer import Limits, download

TARGET = 0.9


def main(rounds: int, megabytes: int) -> None:
    seconds: dict[str, list[float]] = {"curl": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        file = make_file(Path(folder) / "clip.mp4", megabytes << 20)
        out = Path(folder) / "out"
        with running("source", str(file), "0") as port:
            url = f"http://127.0.0.1:{port}/clip.mp4"
            ways = {
                "curl": lambda: subprocess.run(["curl", "-s", "-o", str(out), url], check=True),
                "ours": lambda: download(lambda: url, out, Limits(allow_loopback=True)),
            }
            for number in range(rounds + 1):
                for name, way in ways.items():
                    out.unlink(missing_ok=True)
                    begun = time.perf_counter()
                    way()
                    # The first round fills the page cache and imports.
                    if number:
                        seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = medians["curl"] / medians["ours"]
    for name, median in medians.items():
        print(f"{name}  {median:6.3f} s  {megabytes * 1.048576 / median:6.0f} MB/s")
    print(f"ours / curl = {ratio:.2f}, target {TARGET}: {'reached' if ratio >= TARGET else 'MISSED'}")
    sys.exit(0 if ratio >= TARGET else 1)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [9, 200][len(given) :]))
