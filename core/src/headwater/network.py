"""Which addresses a data source may have, judged where its name is resolved for connecting.

A URL is chosen by whoever edits data sources, and its name by whoever runs that name's DNS. Judging the text
of the URL, or resolving it ahead, says nothing about the address that is connected to later. So `resolve`
gives the addresses that passed, and the caller connects to those and to nothing else.

Private networks and loopback are where data sources live, so they are allowed. Refused is what no data source
has: link-local addresses, where clouds keep the credentials of their machines (169.254.169.254), the
same services elsewhere, multicast, broadcast and the unspecified address, which means this machine.
The operator's `AddressPolicy` says otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from attrs import field, frozen

from .errors import DownstreamConnectionError, ErrorSource, ValidationError

__all__ = ["AddressPolicy", "Resolved", "is_allowed", "resolve"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED: Final[tuple[_Network, ...]] = tuple(
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


def _networks(texts: Iterable[str], path: str) -> tuple[_Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise ValidationError(f"not a network: {error}", path=path) from error


@frozen
class AddressPolicy:
    """Which addresses data sources may have, as the operator says it. All are CIDRs: `10.0.0.0/8`, `::1`.

    * `deny` is refused, whatever else is said.
    * `only`, if not empty, is all there is: nothing outside it is allowed.
    * `allow` is allowed although it is refused by default (see this module). It does not widen `only`.

    An IPv6 address that carries an IPv4 address is judged by both. Raises ValidationError for what is no
    network, or has bits set behind its prefix (`10.0.0.1/8`).
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    _allowed: tuple[_Network, ...] = field(init=False, repr=False, eq=False)
    _denied: tuple[_Network, ...] = field(init=False, repr=False, eq=False)
    _listed: tuple[_Network, ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_allowed", _networks(self.allow, "allow"))
        object.__setattr__(self, "_denied", _networks(self.deny, "deny"))
        object.__setattr__(self, "_listed", _networks(self.only, "only"))

    def allows(self, address: str) -> bool:
        """Whether `address`, numeric as a resolver gives it, may be a data source's. Raises ValueError."""
        outer = ipaddress.ip_address(address)
        judged = (outer, *_embedded(outer))
        if any(_in(each, self._denied) for each in judged):
            return False
        if self._listed and not _in(_connected(outer), self._listed):
            return False
        return all(_in(each, self._allowed) or not _in(each, _REFUSED) for each in judged)


class Resolved(NamedTuple):
    """One address to connect to: what `socket.socket(family, kind, protocol).connect(address)` takes."""

    family: int
    kind: int
    protocol: int
    address: Any


def resolve(host: str, port: int, policy: AddressPolicy | None = None) -> list[Resolved]:
    """The allowed addresses of `host` for TCP, in the resolver's order. Connect to these, not to the name.

    `policy` is the data source's, `DataSourceInstanceSettings.address_policy`; without one only what no data
    source has is refused.

    Raises socket.gaierror or UnicodeError for a name without an address, and DownstreamConnectionError
    (status 403, blamed on the host's policy, not retryable) if all its addresses are refused.
    """
    found = [
        Resolved(family, kind, protocol, address)
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    policy = policy or _BY_DEFAULT
    allowed = [each for each in found if policy.allows(each.address[0])]
    if found and not allowed:
        reason = (
            "the host's address policy does not allow its address."
            if any(is_allowed(each.address[0]) for each in found)
            else "its address is link-local, multicast or otherwise not one of a data source."
        )
        raise DownstreamConnectionError(
            f"The host does not connect to {host}: {reason}",
            source=ErrorSource.HOST, status=403, retryable=False,
        )  # fmt: skip
    return allowed


def is_allowed(address: str) -> bool:
    """Whether `address`, numeric as a resolver gives it, may be a data source's, if no policy says otherwise.

    An IPv6 address that carries an IPv4 address is judged by both. Raises ValueError if it is no address.
    """
    return _BY_DEFAULT.allows(address)


_BY_DEFAULT: Final = AddressPolicy()


def _in(address: _Address, networks: tuple[_Network, ...]) -> bool:
    return any(address in network for network in networks)


def _connected(address: _Address) -> _Address:
    """What the system connects to: the IPv4 address of a mapped one, itself of every other."""
    return getattr(address, "ipv4_mapped", None) or address


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
