"""Which addresses a data source may have, judged where its name is resolved for connecting.

A URL is chosen by whoever edits data sources, and its name by whoever runs that name's DNS. Judging the text
of the URL, or resolving it ahead, says nothing about the address that is connected to later. So `resolve`
gives the addresses that passed, and the caller connects to those and to nothing else.

Private networks and loopback are where data sources live, so they are allowed. Refused is what no data source
has: link-local addresses, where clouds keep the credentials of their machines (169.254.169.254), the
same services elsewhere, multicast, broadcast and the unspecified address, which means this machine.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final, NamedTuple

from headwater.errors import DownstreamConnectionError, ErrorSource

__all__ = ["Resolved", "is_allowed", "resolve"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REFUSED: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # "this network", RFC 1122 §3.2.1.3; Linux connects 0.0.0.0 to loopback
            "169.254.0.0/16",  # link-local, RFC 3927, with the metadata services of most clouds
            "100.100.100.200/32",  # Alibaba Cloud's metadata service
            "168.63.129.16/32",  # Azure's host agent
            "224.0.0.0/4",  # multicast
            "255.255.255.255/32",  # broadcast
            "::/128",
            "fe80::/10",
            "fd00:ec2::254/128",  # AWS's metadata service
            "ff00::/8",
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1


class Resolved(NamedTuple):
    """One address to connect to: what `socket.socket(family, kind, protocol).connect(address)` takes."""

    family: int
    kind: int
    protocol: int
    address: Any


def resolve(host: str, port: int) -> list[Resolved]:
    """The allowed addresses of `host` for TCP, in the resolver's order. Connect to these, not to the name.

    Raises socket.gaierror or UnicodeError for a name without an address, and DownstreamConnectionError
    (status 403, blamed on the host's policy, not retryable) if all its addresses are refused.
    """
    found = [
        Resolved(family, kind, protocol, address)
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    allowed = [each for each in found if is_allowed(each.address[0])]
    if found and not allowed:
        raise DownstreamConnectionError(
            f"The host does not connect to {host}: its address is link-local, multicast or otherwise not one "
            "of a data source.",
            source=ErrorSource.HOST, status=403, retryable=False,
        )  # fmt: skip
    return allowed


def is_allowed(address: str) -> bool:
    """Whether `address`, numeric as a resolver gives it, may be a data source's.

    An IPv6 address that carries an IPv4 address is judged by both. Raises ValueError if it is no address.
    """
    outer = ipaddress.ip_address(address)
    return not any(each in network for each in (outer, *_embedded(outer)) for network in _REFUSED)


def _embedded(address: _Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses where a packet to `address` may end up."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    is_ipv4_compatible = number >> 32 == 0 and number > 1  # RFC 4291 §2.5.5.1; 0 and 1 are `::` and `::1`
    if address in _NAT64 or is_ipv4_compatible:
        found.append(low)
    return tuple(each for each in found if each is not None)
