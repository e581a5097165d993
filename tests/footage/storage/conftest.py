from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from storecontract import KEY, SECRET, large  # noqa: F401 - for the tests of this room


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    """An S3 server in this process, as "host:port"; it checks neither signatures nor credentials."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def moto_client(moto_address: str) -> Iterator[Any]:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{moto_address}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    yield client
    client.close()


@pytest.fixture
def bucket(moto_client: Any) -> str:
    name = f"bucket-{secrets.token_hex(6)}"
    moto_client.create_bucket(Bucket=name)
    return name
