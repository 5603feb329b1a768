"""Decides whether an address the buyer typed may be called, and pins it: the name is resolved once, every address it
has is checked, and the call goes to the checked one, so that a second look-up cannot lead elsewhere (TRUST F16).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

Resolve = Callable[[str, int], Awaitable[list[str]]]
Address = IPv4Address | IPv6Address

# Only this is handed out to the public internet; what is not in it (::/96, 64:ff9b::, fe80::, ff00::, …) is refused.
GLOBAL_UNICAST = IPv6Network("2000::/3")
# Inside it, but wrapping another address or leading nowhere; Python 3.11 calls several of them global.
SPECIAL_6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"))
)
SPECIAL_4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
MAX_HOST_CHARS = 253
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]+")
DEFAULT_PORTS = {"https": 443, "http": 80}


class AddressRefused(Exception):
    """`code`: address_invalid | address_not_encrypted | address_unknown | address_not_public."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """`url` names the checked IP address; `host` goes into the Host header, `server_name` into TLS."""

    url: str
    host: str
    server_name: str


async def system_resolve(host: str, port: int) -> list[str]:
    """What the system makes of a name, also of odd spellings such as 127.1 or 0x7f.1. OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def pin(base_url: str, *, allow_loopback: bool = False, resolve: Resolve = system_resolve) -> PinnedAddress:
    """The address to call. AddressRefused when it, or any address behind its name, may not be called."""
    parts, host, port = parse(base_url)
    try:
        addresses = [address_of(text) for text in await resolve(host, port)]
    except (OSError, UnicodeError, ValueError):
        raise AddressRefused("address_unknown") from None
    if not addresses:
        raise AddressRefused("address_unknown")
    is_local = allow_loopback and all(map(is_loopback, addresses))
    if not (is_local or all(map(is_public, addresses))):
        raise AddressRefused("address_not_public")
    if parts.scheme != "https" and not is_local:
        raise AddressRefused("address_not_encrypted")
    written = f"[{host}]" if ":" in host else host
    suffix = "" if port == DEFAULT_PORTS[parts.scheme] else f":{port}"
    target = f"[{addresses[0]}]" if addresses[0].version == 6 else str(addresses[0])
    url = f"{parts.scheme}://{target}:{port}{parts.path.rstrip('/')}"
    return PinnedAddress(url, written + suffix, host.rstrip("."))


def parse(base_url: str) -> tuple[SplitResult, str, int]:
    """The parts of an address that says where and nothing else: no user, no query, no odd characters."""
    try:
        parts = urlsplit(base_url)
        default = DEFAULT_PORTS[parts.scheme]
        port = default if parts.port is None else parts.port
    except (ValueError, KeyError):
        raise AddressRefused("address_invalid") from None
    host = parts.hostname or ""
    # printable ASCII only: urlsplit drops tabs and line ends, so what it read may not be what was typed
    is_plain = base_url.isascii() and base_url.isprintable() and not set(base_url) & set(" \\@?#")
    if not (is_plain and port and len(host) <= MAX_HOST_CHARS and HOST.fullmatch(host)):
        raise AddressRefused("address_invalid")
    return parts, host, port


def address_of(text: str) -> Address:
    """The address itself, out of its IPv4-in-IPv6 form. ValueError."""
    address = ip_address(text)
    return (address.version == 6 and address.ipv4_mapped) or address


def is_loopback(address: Address) -> bool:
    return address.is_loopback


def is_public(address: Address) -> bool:
    """Whether it belongs to somebody on the public internet. The library's own `is_global` lets several through."""
    if address.version == 6:
        inside = address in GLOBAL_UNICAST and not any(address in network for network in SPECIAL_6)
        return inside and address.scope_id is None
    is_special = address.is_multicast or address.is_reserved or any(address in network for network in SPECIAL_4)
    return address.is_global and not is_special
