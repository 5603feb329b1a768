"""Which addresses may be given to the browser: those of a provider's pages, written plainly, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 8192
OWN_PAGES = "/pay/test/"  # of the test provider, answered in our own window

# Written plainly: lower case, no user part, no other notation of a number, nothing a browser would read otherwise than
# we do (backslashes, control characters, other scripts, a dot at the end).
_PLAIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[::1\]|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?:(?:/(?!/)|[?#])[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def page_host(url: str, hosts: Iterable[str]) -> str:
    """Whose page this is, as one of `hosts` has it ("checkout.stripe.com", "127.0.0.1:8742"); "" when it must not be
    opened: over https on one of them, or over http on this machine with its port named."""
    found = _PLAIN.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        return ""
    host, port = found["host"], found["port"]
    place = f"{host}:{port}" if port else host
    if found["scheme"] == "http" and (host not in _LOOPBACK or not port):
        return ""
    return place if place in tuple(hosts) else ""


def is_here(host: str) -> bool:
    """Whether a page of this host is answered on this machine, as the test provider's is."""
    return host.rpartition(":")[0] in _LOOPBACK


def is_own_page(url: str, hosts: Iterable[str]) -> bool:
    """Whether the page is answered in our own window, because nobody hosts one."""
    return url.startswith(OWN_PAGES) or not tuple(hosts)
