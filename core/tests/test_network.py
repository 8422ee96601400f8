"""Which addresses are connected to, whatever a URL or a name server says."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from headwater.errors import DownstreamConnectionError, DownstreamProtocolError, ErrorSource, ValidationError
from headwater.models import DataSourceInstanceSettings
from headwater.network import AddressPolicy, is_allowed, resolve
from headwater.sdk.http import HttpClient, HttpClientSettings
from servers.scripted_http import answer, serve

Answers = Callable[..., None]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Makes the resolver give one list of addresses after the other; the last list stays."""

    def answers(*rounds: list[str]) -> None:
        pending = list(rounds)

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            addresses = pending.pop(0) if len(pending) > 1 else pending[0]
            return [
                (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
                for each in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return answers


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "::",
        "::2",  # carries 0.0.0.2
        "fe80::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "2002:a9fe:a9fe:1::1",
        "2001:0:a9fe:a9fe::1",  # Teredo: the server
        "2001:0:c000:201:0:0:5601:5601",  # Teredo: the client, inverted
    ],
)
def test_an_address_that_no_data_source_has_is_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "93.184.216.34",
        "::1",
        "fd00::1", "2606:2800:220:1::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1",
        "::1:a9fe:a9fe",  # carries none: more than 32 bits
    ],
)  # fmt: skip
def test_private_networks_and_loopback_are_where_data_sources_live(address: str) -> None:
    assert is_allowed(address)


CLOUD = "169.254.169.254"


@pytest.mark.parametrize(
    ("policy", "address", "allowed"),
    [
        (AddressPolicy(), "10.0.0.1", True),
        (AddressPolicy(), CLOUD, False),
        (AddressPolicy(allow=("169.254.0.0/16",)), CLOUD, True),
        (AddressPolicy(allow=("169.254.0.0/16",)), f"64:ff9b::{CLOUD}", True),
        (AddressPolicy(allow=("169.254.0.0/16",)), "fe80::1", False),
        (
            AddressPolicy(allow=("64:ff9b::/96",)),
            f"64:ff9b::{CLOUD}",
            False,
        ),  # says nothing of what it carries
        (AddressPolicy(allow=("fe80::/10",)), "fe80::1%lo", True),
        (AddressPolicy(allow=("169.254.0.0/16",), deny=(f"{CLOUD}/32",)), CLOUD, False),
        (AddressPolicy(allow=("169.254.0.0/16",), deny=(f"{CLOUD}/32",)), "169.254.0.1", True),
        (AddressPolicy(deny=("10.0.0.0/8",)), "10.1.2.3", False),
        (AddressPolicy(deny=("10.0.0.0/8",)), "::ffff:10.1.2.3", False),
        (AddressPolicy(deny=("10.0.0.0/8",)), "64:ff9b::10.1.2.3", False),
        (AddressPolicy(deny=("10.0.0.0/8",)), "2002:a00:1::1", False),
        (AddressPolicy(deny=("10.0.0.0/8",)), "11.0.0.1", True),
        (AddressPolicy(only=("10.0.0.0/8", "::1")), "10.1.2.3", True),
        (AddressPolicy(only=("10.0.0.0/8", "::1")), "::ffff:10.1.2.3", True),
        (AddressPolicy(only=("10.0.0.0/8", "::1")), "64:ff9b::10.1.2.3", False),
        (AddressPolicy(only=("10.0.0.0/8", "::1")), "::1", True),
        (AddressPolicy(only=("10.0.0.0/8", "::1")), "127.0.0.1", False),
        (AddressPolicy(only=("10.0.0.0/8",), allow=("127.0.0.0/8",)), "127.0.0.1", False),
        (AddressPolicy(only=("10.0.0.0/8",), deny=("10.1.0.0/16",)), "10.1.2.3", False),
        (AddressPolicy(only=("0.0.0.0/0",)), CLOUD, False),
        (AddressPolicy(only=("0.0.0.0/0",), allow=(CLOUD,)), CLOUD, True),
    ],
)
def test_the_operator_says_which_addresses_data_sources_may_have(
    policy: AddressPolicy, address: str, allowed: bool
) -> None:
    assert policy.allows(address) is allowed


@pytest.mark.parametrize("name", ["allow", "deny", "only"])
@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "db.example", ""])
def test_what_is_no_network_is_refused_by_name(name: str, network: str) -> None:
    with pytest.raises(ValidationError, match=f"^{name}: not a network: .*{network}"):
        AddressPolicy(**{name: (network,)})


def test_an_address_that_the_policy_refuses_is_told_as_such() -> None:
    with pytest.raises(
        DownstreamConnectionError, match=r"to 127\.0\.0\.1: the host's address policy"
    ) as caught:
        resolve("127.0.0.1", 80, AddressPolicy(deny=("127.0.0.0/8",)))
    assert (caught.value.status, caught.value.source) == (403, ErrorSource.HOST)


def test_an_http_client_heeds_the_policy_of_its_data_source() -> None:
    with serve(answer(b"ok")) as script:

        def client(policy: AddressPolicy) -> HttpClient:
            instance = DataSourceInstanceSettings("u", "n", "t", url=script.url, address_policy=policy)
            return HttpClient(HttpClientSettings.from_instance(instance))

        with client(AddressPolicy(only=("127.0.0.1",))) as allowed:
            allowed.request("GET", "").close()
        with (
            client(AddressPolicy(deny=("127.0.0.0/8",))) as denied,
            pytest.raises(DownstreamConnectionError, match="address policy"),
        ):
            denied.request("GET", "")


def test_a_proxy_is_judged_by_the_policy_too() -> None:
    instance = DataSourceInstanceSettings(
        "u", "n", "t",
        url="https://db.example",
        json_data={"proxyUrl": "http://127.0.0.1:9"},
        address_policy=AddressPolicy(deny=("127.0.0.0/8",)),
    )  # fmt: skip
    with (
        HttpClient(HttpClientSettings.from_instance(instance)) as client,
        pytest.raises(DownstreamConnectionError, match=r"127\.0\.0\.1: the host's address policy"),
    ):
        client.request("GET", "")


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0"])
def test_another_spelling_of_a_refused_address_is_judged_as_it_resolves(host: str) -> None:
    with pytest.raises(DownstreamConnectionError) as caught:
        resolve(host, 80)
    assert (caught.value.status, caught.value.source) == (403, ErrorSource.HOST)
    assert not caught.value.retryable
    assert host in caught.value.message


def test_a_refusal_says_whether_the_policy_or_the_kind_of_address_forbids_it() -> None:
    kind = "its address is link-local, multicast or otherwise not one of a data source."
    with pytest.raises(DownstreamConnectionError) as refused:
        resolve(CLOUD, 80, AddressPolicy(deny=("10.0.0.0/8",)))
    assert refused.value.message == f"The host does not connect to {CLOUD}: {kind}"


def test_an_address_is_given_once_and_for_tcp() -> None:
    assert [(each.kind, each.address) for each in resolve("127.0.0.1", 80)] == [
        (socket.SOCK_STREAM, ("127.0.0.1", 80))
    ]


def test_of_several_addresses_only_the_allowed_ones_are_given(name_server: Answers) -> None:
    name_server(["169.254.169.254", "127.0.0.1", "fe80::1"])
    assert [each.address for each in resolve("db.example", 80)] == [("127.0.0.1", 80)]


def test_http_does_not_connect_to_a_refused_address(name_server: Answers) -> None:
    name_server(["169.254.169.254"])
    with (
        HttpClient(HttpClientSettings("http://db.example")) as client,
        pytest.raises(DownstreamConnectionError, match=r"does not connect to db\.example") as caught,
    ):
        client.request("GET", "")
    assert caught.value.status == 403


def test_a_name_is_resolved_once_for_a_connection(
    name_server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(answer(b"ok", headers={"Connection": "close"})) as script:
        port = script.url.rpartition(":")[2].rstrip("/")
        name_server(["127.0.0.1"], ["169.254.169.254"])
        connected: list[Any] = []
        connect = socket.socket.connect

        def watch(self: socket.socket, address: Any) -> None:
            connected.append(address[0])
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", watch)
        with HttpClient(HttpClientSettings(f"http://db.example:{port}")) as client:
            client.request("GET", "").close()
            assert connected == ["127.0.0.1"]
            with pytest.raises(
                DownstreamConnectionError
            ):  # the name has changed: a new connection is judged anew
                client.request("GET", "")
        assert connected == ["127.0.0.1"]


def test_a_redirect_to_a_metadata_service_is_not_followed() -> None:
    headers = {"Location": "http://169.254.169.254/latest/meta-data/"}
    with (
        serve(answer(b"", status="302 Found", headers=headers)) as script,
        HttpClient(HttpClientSettings(script.url)) as client,
        pytest.raises(DownstreamProtocolError, match="is not followed"),
    ):
        client.request("GET", "")
