"""Which hosts a user's address may lead to: ours to check where we connect, the proxy's to know where it does."""

from __future__ import annotations

import ipaddress
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from requests_hardened.ip_filter import InvalidIPAddress, get_ip_address

from footage.network.proxies import is_loopback

Net = IPv4Network | IPv6Network

# What Clash, sing-box, Surge and others answer for every name (RFC 2544 benchmarking, never routed): "fake IP".
FAKE_IP = ipaddress.ip_network("198.18.0.0/15")

_LOCAL_ENDINGS = (
    ".localhost",
    ".local",
    ".internal",
    ".localdomain",
    ".lan",
    ".home.arpa",
    ".intranet",
    ".corp",
)
# Names of the services that give a cloud machine its credentials; most others end with .internal.
_METADATA = frozenset({"metadata", "instance-data", "metadata.tencentyun.com", "metadata.google.com"})
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}")


def refused_name(host: str) -> str | None:
    """Why a host may not be asked for through a proxy, which resolves the name where we cannot look; else None."""
    host = host.strip("[]").rstrip(".").lower()
    literal = _literal(host)
    if literal is not None:
        return None if _is_public(literal) else "is a private address"
    if _NUMBER.fullmatch(host):
        return "is an address in a form that programs read in different ways"
    if "." not in host or host.endswith(_LOCAL_ENDINGS) or host in _METADATA:
        return "is a name of a local network"
    return None


def checked_address(host: str, port: int, nets: tuple[Net, ...]) -> str:
    """The address to connect to, as it may stand in a URL: public, or in one of `nets`.

    Raises:
        InvalidIPAddress: It is another one.
        socket.gaierror: The name does not resolve.
    """
    address = _resolved(host, port)
    if not any(address in net for net in nets if net.version == address.version):
        address, _ = get_ip_address(str(address), port, allow_loopback=False)
    return f"[{address}]" if address.version == 6 else str(address)


def is_fake_ip(host: str) -> bool:
    """Whether the resolver of this machine answers with an address that no host has."""
    try:
        return _resolved(host, 0) in FAKE_IP
    except (OSError, ValueError):
        return False


def _resolved(host: str, port: int) -> IPv4Address | IPv6Address:
    if is_loopback(host):
        # "localhost." and "a.localhost" are this machine, also where the resolver does not know them.
        literal = _literal(host.strip("[]"))
        return literal or IPv4Address("127.0.0.1")
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    address = ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])
    return _unwrapped(address)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    try:
        # A literal is not looked up anywhere.
        get_ip_address(str(address), 0, allow_loopback=False)
    except InvalidIPAddress:
        return False
    return True


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return _unwrapped(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    if not _NUMBER.fullmatch(host):
        return None
    try:
        # 2130706433, 0x7f.1 and 0177.0.0.1, as the C library reads them.
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
