"""Puts a clip, a sound or a picture where the provider's models can read it for 48 hours: its own object store.

Asking for the permission carries the key; the upload itself carries the permission alone, and goes nowhere but to a
host of the provider (Model Studio: upload of temporary files, read 2026-10).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from footage.errors import Unreachable
from footage.network.addresses import host_of, is_local
from footage.network.ca_bundle import ca_bundle
from footage.network.proxies import is_loopback, proxy_for
from footage.privacy.redact import Discreet

if TYPE_CHECKING:
    import requests

_TIMEOUTS_S = (10.0, 120.0)
_PROVIDERS_HOSTS = ".aliyuncs.com"
_NEXT = "it is safe to try again: nothing was bought"


@dataclass(frozen=True)
class UploadPolicy:
    """The permission to upload into one folder, for some minutes."""

    host: str
    folder: str
    access_key_id: str = field(repr=False)
    policy: str = field(repr=False)
    signature: str = field(repr=False)
    acl: str
    forbid_overwrite: str


def upload(base_url: str, policy: UploadPolicy, name: str, data: bytes) -> str:
    """Upload one file; its `oss://` address, which one account's model can read for 48 hours.

    Raises:
        Unreachable: It did not get there; nothing was bought.
    """
    _require_provider(base_url, policy.host)
    import requests

    # At DEBUG it logs every address whole; adding a filter twice changes nothing.
    logging.getLogger("urllib3.connectionpool").addFilter(Discreet())
    key = f"{policy.folder}/{name}"
    try:
        answer = _post(policy, key, name, data)
    except requests.RequestException as error:
        message = f"{name} could not be uploaded to the provider ({type(error).__name__})."
        raise Unreachable(message, next_step=_NEXT) from None
    if answer.status_code not in (200, 201, 204):
        message = f"The provider's store did not take {name}: HTTP {answer.status_code}."
        raise Unreachable(message, next_step=_NEXT, http_status=answer.status_code)
    return f"oss://{key}"


def _post(policy: UploadPolicy, key: str, name: str, data: bytes) -> requests.Response:
    import requests

    form = {
        "OSSAccessKeyId": policy.access_key_id,
        "Signature": policy.signature,
        "policy": policy.policy,
        "x-oss-object-acl": policy.acl,
        "x-oss-forbid-overwrite": policy.forbid_overwrite,
        "key": key,
        "success_action_status": "200",
    }
    proxy = proxy_for(policy.host)
    with requests.Session() as session:
        # No netrc, and no redirect: the bytes go to the host that was looked at, or nowhere.
        session.trust_env = False
        session.verify = ca_bundle()
        return session.post(
            policy.host,
            data=form,
            files={"file": (name, data)},
            timeout=_TIMEOUTS_S,
            allow_redirects=False,
            proxies={"http": proxy, "https": proxy} if proxy else {},
        )


def _require_provider(base_url: str, host: str) -> None:
    """Raises Unreachable for an address that is not the provider's: https, or this machine beside its stand-in."""
    try:
        parts, named = urlsplit(host), host_of(host)
        own = parts.scheme == "https" and named.endswith(_PROVIDERS_HOSTS)
        emulated = is_local(base_url) and is_loopback(named)
        usable = (own or emulated) and not parts.username and not parts.password
    except ValueError:
        usable = False
    if not usable:
        raise Unreachable(
            "The provider named a place for uploads that is none of its own; nothing was sent there.",
            next_step="check the base address and the network (a login page, a proxy)",
        )
