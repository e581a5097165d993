"""Files: from the provider to disk, and from disk to S3, beside the usual tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from rows import Row

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "support")]

from seaweed import seaweed
from throttled import make_file, running

from footage.storage import open_store
from footage.transfer import Limits, download


def to_disk(megabytes: int, runs: int) -> Row:
    """A download; ours with SHA-256 and CRC-64 of every byte."""
    row = Row(f"{megabytes} MB from a server on this machine to disk", "s")
    with tempfile.TemporaryDirectory() as folder:
        file, out = make_file(Path(folder) / "clip.mp4", megabytes << 20), Path(folder) / "out"
        with running("source", str(file), "0") as port:
            url = f"http://127.0.0.1:{port}/clip.mp4"
            ways: dict[str, Callable[[int], object]] = {
                "ours": lambda _: download(lambda: url, out, Limits(allow_loopback=True)),
                "curl": lambda _: subprocess.run(["curl", "-s", "-o", str(out), url], check=True),
            }
            _in_turns(row, ways, runs, before=lambda: out.unlink(missing_ok=True))
    return row


def to_s3(megabytes: int, runs: int) -> Row:
    """An upload to SeaweedFS; ours exclusively, with the file's SHA-256 beside it."""
    row = Row(f"{megabytes} MB from disk to S3 (SeaweedFS)", "s")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as server:
        file = make_file(Path(folder) / "film.mp4", megabytes << 20)
        with seaweed(Path(server)) as options:
            store = open_store("s3://bucket/ours", options)
            client = boto3.client(
                "s3",
                endpoint_url=options["endpoint_url"],
                region_name="us-east-1",
                aws_access_key_id=options["key"],
                aws_secret_access_key=options["secret"],
            )
            ways: dict[str, Callable[[int], object]] = {
                "ours": lambda number: store.create_file(f"{number}.mp4", file),
                "boto3": lambda number: client.upload_file(
                    str(file), "bucket", f"boto3/{number}.mp4", Config=TransferConfig()
                ),
            }
            if s5cmd := shutil.which("s5cmd", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
                keys = {"AWS_ACCESS_KEY_ID": options["key"], "AWS_SECRET_ACCESS_KEY": options["secret"]}
                command = [s5cmd, "--endpoint-url", options["endpoint_url"], "cp", str(file)]
                ways["s5cmd"] = lambda number: subprocess.run(
                    [*command, f"s3://bucket/s5cmd/{number}.mp4"],
                    env=os.environ | keys | {"AWS_REGION": "us-east-1"},
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
            _in_turns(row, ways, runs)
    return row


def _in_turns(
    row: Row, ways: dict[str, Callable[[int], object]], runs: int, before: Callable[[], object] = lambda: None
) -> None:
    for number in range(runs + 1):
        for name, way in ways.items():
            before()
            began = time.perf_counter()
            way(number)
            # The first time fills the page cache, opens connections and imports.
            if number:
                row.add(name, time.perf_counter() - began)
