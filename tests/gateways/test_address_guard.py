"""Which addresses a buyer may point the program at (TRUST F16)."""

import asyncio

import pytest

from services.gateways.address_guard import AddressRefused, PinnedAddress, Resolve, address_of, is_public, pin

PUBLIC = ("8.8.8.8", "93.184.215.14", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8")
LOOPBACK = ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1")
PRIVATE = (
    "0.0.0.0",  # noqa: S104 # nothing is bound to it
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)


def resolving(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def refusal(loop: asyncio.Runner, url: str, *addresses: str, allow_loopback: bool = False) -> str:
    with pytest.raises(AddressRefused) as refused:
        loop.run(pin(url, allow_loopback=allow_loopback, resolve=resolving(*addresses)))
    assert str(refused.value) == refused.value.code
    return refused.value.code


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str, loop: asyncio.Runner) -> None:
    assert is_public(address_of(address))
    assert loop.run(pin("https://models.example/v1", resolve=resolving(address)))


@pytest.mark.parametrize("address", PRIVATE + LOOPBACK)
def test_every_other_address_is_refused(address: str, loop: asyncio.Runner) -> None:
    assert refusal(loop, "https://models.example/v1", address) == "address_not_public"


@pytest.mark.parametrize("address", PRIVATE)
def test_allowing_this_machine_allows_no_other_private_one(address: str, loop: asyncio.Runner) -> None:
    assert refusal(loop, "https://models.example/v1", address, allow_loopback=True) == "address_not_public"


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_model_on_this_machine_needs_the_setting_and_no_encryption(address: str, loop: asyncio.Runner) -> None:
    pinned = loop.run(pin("http://localhost:11434/v1", allow_loopback=True, resolve=resolving(address)))
    assert pinned.host == "localhost:11434"


@pytest.mark.enable_socket  # asks the system, which needs no network for these
@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1", "[::1]", "localhost"])
def test_odd_spellings_are_seen_through(host: str, loop: asyncio.Runner) -> None:
    with pytest.raises(AddressRefused) as refused:
        loop.run(pin(f"https://{host}/v1"))
    assert refused.value.code == "address_not_public"
    assert loop.run(pin(f"http://{host}:8000/v1", allow_loopback=True))


def test_one_private_address_among_public_ones_refuses_the_name(loop: asyncio.Runner) -> None:
    assert refusal(loop, "https://models.example", "8.8.8.8", "127.0.0.1") == "address_not_public"
    mixed = refusal(loop, "https://models.example", "8.8.8.8", "127.0.0.1", allow_loopback=True)
    assert mixed == "address_not_public"


def test_the_name_is_resolved_once_and_its_address_pinned(loop: asyncio.Runner) -> None:
    answers = [["8.8.8.8"], ["127.0.0.1"]]  # what a rebinding name server says first and second

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    pinned = loop.run(pin("https://Models.Example:8443/v1/", resolve=resolve))
    assert pinned == PinnedAddress("https://8.8.8.8:8443/v1", "models.example:8443", "models.example")
    assert len(answers) == 1


def test_an_ipv6_address_is_written_in_brackets(loop: asyncio.Runner) -> None:
    pinned = loop.run(pin("https://models.example/v1", resolve=resolving("2606:4700::1111")))
    assert pinned.url == "https://[2606:4700::1111]:443/v1"
    assert pinned.host == "models.example"


def test_a_key_is_not_sent_in_the_clear(loop: asyncio.Runner) -> None:
    assert refusal(loop, "http://models.example/v1", "8.8.8.8") == "address_not_encrypted"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "models.example",
        "ftp://models.example",
        "file:///etc/passwd",
        "https://",
        "https://:443/",
        "https://user:secret@models.example",
        "https://models.example@127.0.0.1",
        "https://models.example\\@127.0.0.1",
        "https://models.example/v1?next=http://127.0.0.1",
        "https://models.example/#@127.0.0.1",
        "https://models.example:0",
        "https://models.example:99999",
        "https://models.example:port",
        "https://mödels.example",
        "https://１２７.0.0.1",
        "https://models.example\r\nHost: other",
        "https://models .example",
        "https://models\t.example",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://-models-",
        "https://" + "a" * 300 + ".example",
    ],
)
def test_an_address_says_where_and_nothing_else(url: str, loop: asyncio.Runner) -> None:
    assert refusal(loop, url, "8.8.8.8") == "address_invalid"


@pytest.mark.parametrize("error", [OSError("no such host"), UnicodeError("label too long")])
def test_a_name_nobody_knows_is_refused(error: Exception, loop: asyncio.Runner) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise error

    with pytest.raises(AddressRefused) as refused:
        loop.run(pin("https://models.example", resolve=resolve))
    assert refused.value.code == "address_unknown"
    assert refusal(loop, "https://models.example") == "address_unknown"
    assert refusal(loop, "https://models.example", "not an address") == "address_unknown"
