"""Host names with the bucket in front, as Alibaba OSS wants them, on this machine and with a certificate."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trustme

OSS_HOST = "s3.oss-cn-beijing.aliyuncs.com"


def certificate_for(*names: str) -> tuple[trustme.CA, trustme.LeafCert]:
    authority = trustme.CA()
    return authority, authority.issue_cert(*names)


def resolve_here(monkeypatch: pytest.MonkeyPatch, *suffixes: str) -> None:
    """Let every name that ends in one of the suffixes lead to 127.0.0.1; no DNS here does."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if str(name).endswith(suffixes) else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
