"""Where a router is, is read in one way; what cannot be meant so is refused and never quoted with its password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import agent
from agent.model.address import Endpoint, no_port, valid_host
from agent.ssh.settings.config import jump_host


@pytest.mark.parametrize(
    "text, expected",
    [
        ("r1", Endpoint("r1")),
        ("r1.lon_2.example.", Endpoint("r1.lon_2.example.")),
        ("192.0.2.1", Endpoint("192.0.2.1")),
        ("192.0.2.1:830", Endpoint("192.0.2.1", port=830)),
        ("ops@r1", Endpoint("r1", "ops")),
        ("ops@lab.example@r1:831", Endpoint("r1", "ops@lab.example", 831)),
        ("2001:db8::1", Endpoint("2001:db8::1")),
        ("fe80::1%eth0", Endpoint("fe80::1%eth0")),
        ("ops@2001:db8::1", Endpoint("2001:db8::1", "ops")),
        ("[2001:db8::1]", Endpoint("2001:db8::1")),
        ("[2001:db8::1]:830", Endpoint("2001:db8::1", port=830)),
        ("ops@[fe80::1%Mg0]:830", Endpoint("fe80::1%Mg0", "ops", 830)),
        ("ssh://r1", Endpoint("r1")),
        ("SSH://ops@r1:830/", Endpoint("r1", "ops", 830)),
        ("ssh://do%40main@[2001:db8::1]:830", Endpoint("2001:db8::1", "do@main", 830)),
    ],
)
def test_what_is_unambiguous_is_taken(text: str, expected: Endpoint) -> None:
    assert Endpoint.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", " r1", "r1 ", "r 1", "r1\x00", "-oProxyCommand=x", "r1/32", "r1,r2", "r1;r2", "#r1", "r1#x", "a\\b", "*"),
        *("192.0.2.1/32", "10.0.0.1/24", "10.0.0.0/255.255.255.0", "192.0.2.1/", "ops@192.0.2.1/32"),
        *("0.0.0.0", "224.0.0.5", "[::]:830", "ff02::5"),
        *("192.0.2.1/24:830", "192.0.2.1:830/24"),
        *("192.0.2", "192.0.2.256", "192.0.2.1.1", "10.1", "1", "010.0.0.1", "192.0.2.1.", "192.0.2.1-9"),
        *("2001:db8::1/128", "[2001:db8::1/128]:830", "[2001:db8::1]/128", "2001:db8:::1", "2001:db8::g", "::1%"),
        *("[2001:db8::1", "[2001:db8::1]830", "[2001:db8::1]:", "[192.0.2.1]", "[r1]:830", "[]", "2001:db8::1]:830"),
        *("fe80::1%a b", "fe80::1%a/64", "192.0.2.1:iosxr:r1", "r1:830:22"),
        *("r1:", "r1:0", "r1:65536", "r1:830x", "r1:-1", "r1:+830", "r1: 830", "r1:٨٣٠", "r1:netconf", ":830"),
        *("@r1", "ops@", "-l@r1", "o ps@r1", "ops:hunter2@r1", "ssh://ops:hunter2@r1", "o\x1bs@r1"),
        *("https://192.0.2.1", "http://r1/", "netconf://r1", "telnet://r1", "://r1", "https://ops:hunter2@r1/"),
        *("ssh://", "ssh:///", "ssh://r1/x", "ssh://r1//", "ssh://r1?x", "ssh://2001:db8::1", "ssh://ssh://r1"),
    ],
)
def test_anything_else_is_refused_without_what_may_be_a_password(text: str) -> None:
    readers: list[Callable[[str], object]] = [Endpoint.parse, valid_host, agent.Device]
    if text == text.strip() and "," not in text:  # a list of jump hosts is a chain
        readers.append(lambda one: jump_host(one, agent.HostKeys()))
    for read in readers:
        with pytest.raises(agent.InputError) as error:
            read(text)
        assert "hunter2" not in f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize("text", ["10.0.0.1/24", "10.0.0.1/255.255.255.0"])
def test_an_address_with_its_prefix_length_is_told_what_to_write(text: str) -> None:
    with pytest.raises(agent.InputError) as error:
        Endpoint.parse(text)
    assert error.value.hint == "write 10.0.0.1, without what follows it"


def test_jump_hosts_are_read_by_the_same_rules() -> None:
    made = jump_host("ssh://me@b1:2222/, [2001:db8::2]", agent.HostKeys())
    assert (made.host, made.port, made.username) == ("2001:db8::2", 22, None)
    assert made.jump is not None
    assert (made.jump.host, made.jump.port, made.jump.username) == ("b1", 2222, "me")


def test_an_endpoint_is_shown_as_it_is_written() -> None:
    assert [str(Endpoint.parse(text)) for text in ("me@r1", "r1:830", "[::1]", "[::1]:830")] == [
        "r1",
        "r1:830",
        "::1",
        "[::1]:830",
    ]


@pytest.mark.parametrize("value", ["70000", "0", "83O", "O83", "2l", "99999", 70000, 0, -1, 22.5])
def test_what_is_nearly_a_port_is_quoted(value: object) -> None:
    assert no_port(value, "this") == f"{value} is no port in 1..65535"


@pytest.mark.parametrize(
    "value",
    ["123456", "4dm1n", "0pen5", "7Kx9.a", "1Pass", "lO", "O", "8OO", "12345l", "+70000", "22.5", "7\n", ""],
)
def test_a_text_that_may_be_a_secret_is_not_quoted_as_a_port(value: str) -> None:
    assert no_port(value, "this") == "this is no port in 1..65535"
    with pytest.raises(agent.InputError, match="what follows the host is no port"):
        Endpoint.parse(f"h:{value}")


@pytest.mark.parametrize("value", [True, None, [22], 123456, 1 << 200, float("inf"), float("nan")])
def test_nor_is_anything_else(value: object) -> None:
    assert no_port(value, "this") == "this is no port in 1..65535"
