"""A 30 MB clip from the provider to S3 over a network like a real one, beside the quickest clients.

    python benchmarks/upload_throttled.py [ROUNDS]

The source gives 50 MB/s on a connection, the store takes 30 MB/s on each. Ours writes to a local file
first, because nothing unverified may get a name in the store; the others pass the stream through
unverified. obstore is measured when it is installed beside this project (it is no dependency).

Target: no slower than 1.25 times the quickest other client (medians of one run).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from throttled import make_file, running

from footage.storage import open_store
from footage.transfer import Limits, download

SIZE_BYTES = 30 << 20
SOURCE_MB_S, SINK_MB_S = "50", "30"
TARGET = 1.25


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = make_file(Path(folder) / "clip.mp4", SIZE_BYTES)
        with running("source", str(clip), SOURCE_MB_S) as source, running("sink", SINK_MB_S) as sink:
            ways = clients(f"http://127.0.0.1:{source}/clip", f"http://127.0.0.1:{sink}", Path(folder))
            seconds: dict[str, list[float]] = {name: [] for name in ways}
            for number in range(rounds + 1):
                for name, way in ways.items():
                    begun = time.perf_counter()
                    way(f"videos/{number}.mp4")
                    # The first round opens connections and imports libraries.
                    if number:
                        seconds[name].append(time.perf_counter() - begun)
    report({name: statistics.median(values) for name, values in seconds.items()})


def clients(url: str, endpoint: str, folder: Path) -> dict[str, Callable[[str], object]]:
    options = {
        "key": "k",
        "secret": "s",
        "endpoint_url": endpoint,
        "client_kwargs": {"region_name": "us-east-1"},
    }
    store = open_store("s3://bucket/base", options)
    limits = Limits(allow_loopback=True)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )

    def ours(path: str) -> None:
        download(lambda: url, folder / "landed", limits)
        store.create_file(path, folder / "landed")

    def boto3_stream(megabytes: int) -> Callable[[str], None]:
        config = TransferConfig(
            multipart_threshold=megabytes << 20, multipart_chunksize=megabytes << 20, max_concurrency=4
        )

        def stream(path: str) -> None:
            with urllib.request.urlopen(url) as body:
                client.upload_fileobj(body, "bucket", path, Config=config)

        return stream

    ways: dict[str, Callable[[str], object]] = {
        "ours: land, verify, publish": ours,
        "boto3 upload_fileobj 8 MB x 4": boto3_stream(8),
        "boto3 upload_fileobj 16 MB x 4": boto3_stream(16),
    }
    try:
        import obstore
        from obstore.store import S3Store
    except ImportError:
        print("obstore is not installed, so it is left out", file=sys.stderr)
        return ways

    bucket = S3Store(
        "bucket",
        endpoint=endpoint,
        region="us-east-1",
        access_key_id="k",
        secret_access_key="s",
        client_options={"allow_http": True},
    )

    def pieces() -> Iterator[bytes]:
        with urllib.request.urlopen(url) as body:
            while piece := body.read1(1 << 20):
                yield piece

    for megabytes in (5, 16):
        ways[f"obstore put {megabytes} MB x 4"] = lambda path, size=megabytes << 20: obstore.put(
            bucket, path, pieces(), chunk_size=size, max_concurrency=4
        )
    return ways


def report(medians: dict[str, float]) -> None:
    ours, *others = medians.values()
    best = min(others)
    for name, seconds in medians.items():
        print(f"{name:34} {seconds:6.2f} s   {seconds / best:5.2f} x the quickest other")
    verdict = "reached" if ours <= TARGET * best else "MISSED"
    print(f"target {TARGET} x: {verdict}")
    sys.exit(0 if ours <= TARGET * best else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
