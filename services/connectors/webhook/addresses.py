"""Which addresses a receiver may have: a URL in a settings file must not open a way to what only we can reach.

A name is judged by every address that it resolves to, at each connection: one that turns to 127.0.0.1 later is refused
then. With `private_addresses` it is the other way round, so plain http never leaves one's own network.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_private(address: str) -> bool:
    """Whether an address is not of the public internet: loopback, private, link-local, multicast, reserved.

    >>> [is_private(each) for each in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "93.184.216.34")]
    [True, True, True, True, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        embedded = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or embedded or found
    return not found.is_global or found.is_multicast


def is_private_literal(host: str) -> bool | None:
    """The same for a URL's host; None when it is a name, which only resolving can tell. `localhost` is no secret."""
    if host.rstrip(".").casefold() == "localhost":
        return True
    try:
        return is_private(host.strip("[]"))
    except ValueError:
        return None


class OnlyAllowed(AbstractResolver):
    """Resolves names to addresses that are private, or to such as are not; fails when none is left."""

    def __init__(self, *, private: bool, inner: AbstractResolver | None = None) -> None:
        self._private = private
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [each for each in found if is_private(each["host"]) is self._private]
        if not allowed:
            raise OSError(None, f"has no {'private' if self._private else 'public'} address")
        return allowed

    async def close(self) -> None:
        await self._inner.close()
