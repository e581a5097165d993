"""From a base URL and storage options to a store."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from footage.errors import StorageProblem
from footage.network.proxies import is_socks, proxy_for
from footage.privacy.display import shown_url
from footage.storage.base import Store
from footage.storage.local import LocalStore
from footage.storage.objects import FsspecStore, open_fsspec
from footage.storage.s3 import S3Store
from footage.storage.s3_options import AWS, NO_SOCKS, USE_HTTP, is_oss, s3_options

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# An allow-list: fsspec knows 55 protocols, among them caches, archives, ssh and plain http.
_S3 = ("s3", "s3a", "oss")
_OTHER_PROTOCOLS = ("memory", "gs", "gcs", "az", "abfs", "abfss")


def open_store(
    url: str,
    options: Mapping[str, Any] | None = None,
    *,
    public_base_url: str | None = None,
    sign_seconds: int | None = None,
    single_worker: bool = False,
) -> Store:
    """Open the store at a folder path or a file://, s3://, oss://, gs://, az:// or memory:// URL.

    Args:
        url: A path (relative, absolute or with "~") or a URL. Never holds a credential.
        options: Options of s3fs or of another fsspec file system, credentials included, plus "flavour":
            "oss" speaks to Alibaba OSS under a host name of your own, "s3" never does. Without it
            oss:// or an endpoint of *.aliyuncs.com decide.
        public_base_url: What the base URL is called by those who watch the clips, for example a CDN.
        single_worker: Nobody else writes, so S3 is asked for no exclusive creation, which some stores do not know.
        sign_seconds: Make links that work this long without credentials (S3 and OSS only).

    Nothing is sent yet. Whoever relies on `create` having one winner calls `check_exclusive` first.

    Raises:
        StorageProblem: The URL is of a kind that is not supported, or what it needs is not installed.
    """
    rest = dict(options or {})
    flavour = rest.pop("flavour", None)
    protocol = check_store(url, options, public_base_url=public_base_url, sign_seconds=sign_seconds)
    if protocol == "file":
        return LocalStore(_folder(url), public_base_url=public_base_url)
    where = url[len(protocol) + 3 :].strip("/")
    if protocol in _S3:
        return _open_s3(protocol, where, rest, flavour, public_base_url, sign_seconds, single_worker)
    return _open_other(protocol, where, rest, public_base_url)


def check_store(
    url: str,
    options: Mapping[str, Any] | None = None,
    *,
    public_base_url: str | None = None,
    sign_seconds: int | None = None,
) -> str:
    """Everything about a store that can be known without opening it; the protocol of its URL.

    Raises:
        StorageProblem: It cannot be opened like this.
    """
    given = dict(options or {})
    flavour = given.get("flavour")
    for name in ("client_kwargs", "config_kwargs"):
        if not isinstance(given.get(name) or {}, Mapping):
            raise StorageProblem(f"The storage option {name!r} is not an object.")
    if "::" in url:
        raise StorageProblem(f"{shown_url(url)} is a chain of file systems, which is not supported.")
    if public_base_url is not None and sign_seconds is not None:
        raise StorageProblem("A store has either a public base URL or signed links, not both.")
    if flavour not in {None, "s3", "oss"}:
        raise StorageProblem(f'The storage option "flavour" is {flavour!r}. Allowed: "s3", "oss".')

    match = _SCHEME.match(url)
    protocol = match.group(1).lower() if match else "file"
    if match and protocol != "file":
        _refuse_credentials(url)
    if sign_seconds is not None and protocol not in _S3:
        raise StorageProblem(f"Only S3 and OSS make signed links; {shown_url(url)} does not.")
    if protocol not in ("file", *_S3, *_OTHER_PROTOCOLS):
        raise StorageProblem(
            f"{protocol}:// is not a store that is supported.",
            next_step="Use a folder, s3://, oss://, gs://, az:// or memory://.",
        )
    if protocol == "file":
        _folder(url)
        return protocol
    where = url[len(protocol) + 3 :]
    if protocol != "memory" and where.startswith("/"):
        # As of s3://$BUCKET/prefix where that is not set: the prefix would be taken for the bucket.
        raise StorageProblem(
            f"{shown_url(url)} has no bucket before its folder.",
            next_step=f"Write {protocol}://BUCKET/FOLDER.",
        )
    if protocol in _S3:
        _bucket(where.strip("/"))
    return protocol


def _folder(url: str) -> Path:
    is_url = _SCHEME.match(url)
    if is_url and urlsplit(url).netloc not in ("", "localhost"):
        raise StorageProblem(
            f"{shown_url(url)} is a folder of another machine: what follows file:// is its name.",
            next_step="Write file:///FOLDER, with three slashes, or the path alone.",
        )
    path = unquote(urlsplit(url).path) if is_url else url
    if not path or "\0" in path:
        raise StorageProblem(
            "The store's folder has no name.", next_step="Set OUTPUT_DIR to a path or a URL."
        )
    # absolute and not resolve: a symlinked output folder keeps the name that people know.
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise StorageProblem(
            f"The store's folder {path} is in the home of nobody on this machine.",
            next_step="Set OUTPUT_DIR, or the base of the storage block, to another path or a URL.",
        ) from None


def _bucket(where: str) -> None:
    bucket, *folders = where.split("/")
    if not bucket or any(part in {"", ".", ".."} or set(part) & set("?#\\") for part in folders):
        raise StorageProblem(f"s3://{where} is not a bucket and a folder in it.")


def _open_s3(
    protocol: str,
    where: str,
    options: dict[str, Any],
    flavour: str | None,
    public_base_url: str | None,
    sign_seconds: int | None,
    single_worker: bool,
) -> S3Store:
    endpoint = _endpoint(options)
    oss = flavour == "oss" or (flavour is None and (protocol == "oss" or is_oss(endpoint)))
    if oss and endpoint is None:
        raise StorageProblem(
            f"Alibaba OSS ({protocol}://{where}) is reached through its S3 endpoint, which is not given.",
            next_step='Set "endpoint_url" in the storage options, for example '
            '"https://s3.oss-cn-beijing.aliyuncs.com".',
        )
    if is_socks(proxy_for(endpoint or AWS) or ""):
        raise StorageProblem(f"{NO_SOCKS}.", next_step=f"{USE_HTTP[0].upper()}{USE_HTTP[1:]}.")
    store = S3Store(
        f"s3://{where}",
        s3_options(options, oss=oss, endpoint=endpoint),
        oss=oss,
        public_base_url=public_base_url,
        sign_seconds=sign_seconds,
        single_worker=single_worker,
    )
    store.network_address = endpoint or AWS
    return store


def _open_other(
    protocol: str, where: str, options: dict[str, Any], public_base_url: str | None
) -> FsspecStore:
    return open_fsspec(protocol, f"{protocol}://{where}", where, options, public_base_url=public_base_url)


def _endpoint(options: Mapping[str, Any]) -> str | None:
    """Find the endpoint wherever s3fs or botocore would: options, fsspec's configuration, the environment."""
    from fsspec.config import conf

    client = cast(Mapping[str, Any], options.get("client_kwargs") or {})
    configured = cast(Mapping[str, Any], cast(Any, conf).get("s3") or {})
    for place in (options, client, configured):
        if found := place.get("endpoint_url"):
            return str(found)
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _refuse_credentials(url: str) -> None:
    try:
        urlsplit(url)
    except ValueError:
        raise StorageProblem(f"The store's URL cannot be read: {shown_url(url)}.") from None
    if urlsplit(url).username is not None or "@" in urlsplit(url).netloc or urlsplit(url).query:
        raise StorageProblem(
            f"The store's URL ({shown_url(url)}) may not hold credentials or a query; it appears in logs.",
            next_step="Put them into the storage options.",
        )
