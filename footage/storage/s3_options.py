"""The s3fs options of a bucket: bounded memory, foreign servers, and Alibaba OSS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from footage.network.proxies import proxy_for

# The smallest parts that S3 allows, six at a time: a 30 MB clip then goes out on six connections at once
# (benchmarks/upload_throttled.py), and s3fs's own defaults (50 MB, ten at a time) cost 1 GB of memory for a
# 1 GB file.
CHUNK_BYTES = 5 << 20
CHUNKS_AT_ONCE = 6

# Where s3fs goes when no endpoint is given.
AWS = "https://s3.amazonaws.com"
# Its transport (aiohttp behind aiobotocore) asks HTTP proxies only; past a SOCKS proxy it would try to go directly.
NO_SOCKS = (
    "S3 and OSS cannot be reached through a SOCKS proxy, and the variables name no other one for the store"
)
USE_HTTP = "set HTTPS_PROXY to an HTTP proxy (most SOCKS tools offer one, too), or put the store's host into NO_PROXY"


def is_oss(endpoint: str | None) -> bool:
    """Say whether an endpoint is Alibaba's: OSS hosts end in aliyuncs.com, in every region."""
    host = urlsplit(endpoint).hostname if endpoint else None
    return host is not None and (host == "aliyuncs.com" or host.endswith(".aliyuncs.com"))


def s3_options(options: Mapping[str, Any], *, oss: bool, endpoint: str | None) -> dict[str, Any]:
    """Put our defaults below the user's s3fs options: bounded memory, and foreign servers that work."""
    proxy = proxy_for(endpoint or AWS)
    config: dict[str, Any] = {
        # Said here, because botocore does not know ALL_PROXY.
        "proxies": {"http": proxy, "https": proxy} if proxy else {},
        "connect_timeout": 10,
        "read_timeout": 60,
        # s3fs tries five times by itself; with botocore's own five an absent server would take minutes.
        "retries": {"mode": "standard", "total_max_attempts": 2},
    }
    if endpoint is not None:
        # Since botocore 1.36 every upload over https is sent as "aws-chunked" with a trailing checksum, which
        # OSS and older S3 servers refuse with 400. Over plain http it is not, so only https shows this.
        config |= {
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    if oss:
        # OSS refuses bucket names in the path (SecondLevelDomainForbidden).
        config |= {
            "signature_version": "s3v4",
            "s3": {"addressing_style": "virtual", "payload_signing_enabled": False},
        }
    given = cast(dict[str, Any], options.get("config_kwargs") or {})
    merged = config | given
    if "s3" in config and "s3" in given:
        merged["s3"] = config["s3"] | given["s3"]
    return {
        "default_block_size": CHUNK_BYTES,
        "max_concurrency": CHUNKS_AT_ONCE,
        **options,
        # Listings are cached without a time limit by default: objects of other workers would stay invisible.
        "use_listings_cache": False,
        "config_kwargs": merged,
    }
