"""Behind a gateway that opens TLS everything is reached that is opened without the key, as the provider is."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from rawserver import RawServer, reply

from footage.errors import FootageError
from footage.provider.upload import UploadPolicy, upload
from footage.transfer import Limits, download, fetch_reference

VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(100)


VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RawServer, Path]]:
    """A server behind such a gateway, and the gateway's certificate."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with RawServer(reply(VIDEO), tls=tls) as server:
        yield server, tmp_path / "ca.pem"


def fetch_result(server: RawServer, folder: Path) -> None:
    limits = Limits(failures=1, allow_loopback=True)
    assert download(lambda: f"{server.base_url}/a.mp4", folder / "clip", limits).size_bytes == len(VIDEO)


def put_file(server: RawServer, _: Path) -> None:
    policy = UploadPolicy(server.base_url, "folder", "id", "policy", "signature", "private", "true")
    assert upload(server.base_url, policy, "a.mp4", VIDEO) == "oss://folder/a.mp4"


def fetch_picture(server: RawServer, _: Path) -> None:
    url = f"{server.base_url}/a.png"
    assert fetch_reference(url, max_bytes=1000, allow_private=True) == VIDEO


EACH = pytest.mark.parametrize("open_it", [fetch_result, put_file, fetch_picture])


@EACH
@pytest.mark.parametrize("variable", VARIABLES)
def test_the_certificates_of_a_gateway_are_trusted_for_all_of_it(
    bundle: tuple[RawServer, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    open_it: Callable[[RawServer, Path], None],
) -> None:
    server, certificates = bundle
    with pytest.raises(FootageError):
        open_it(server, tmp_path)

    monkeypatch.setenv(variable, str(certificates))

    open_it(server, tmp_path)


@EACH
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl names the files of such a folder")
def test_so_are_those_of_a_folder(
    bundle: tuple[RawServer, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_it: Callable[[RawServer, Path], None],
) -> None:
    server, certificates = bundle
    asked = ["openssl", "x509", "-noout", "-hash", "-in", str(certificates)]
    name = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    folder = tmp_path / "certs"
    folder.mkdir()
    certificates.rename(folder / f"{name}.0")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))

    open_it(server, tmp_path)
