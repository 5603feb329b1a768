"""The address a payment page leads back to: one visit, one path, nothing else, and nothing left open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from app import returns
from app.returns import Return, Returns

pytestmark = pytest.mark.loopback
Told = list[str]


async def ask(url: str, *, method: str = "GET", path: str = "", more: str = "") -> str:
    """What a browser would get; "" when nobody answers."""
    _, _, rest = url.partition("://")
    host, _, own_path = rest.partition("/")
    port = int(host.partition(":")[2])
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return ""
    writer.write(f"{method} {path or '/' + own_path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
    try:
        answer = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        answer = b""
    writer.close()
    return answer.decode()


def on_an_address(
    loop: asyncio.Runner, story: Callable[[Return, Told], Awaitable[None]]
) -> Told:  # fmt: skip
    """Runs a story on a fresh address and closes it; how often it was told of a return."""
    told: Told = []

    async def whole() -> None:
        address = await Returns().open(lambda: told.append("returned"))
        try:
            await story(address, told)
        finally:
            address.close()
            await asyncio.sleep(0)

    loop.run(whole())
    return told


def test_address_is_of_this_machine_and_cannot_be_guessed(loop: asyncio.Runner) -> None:
    seen: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        other = await Returns().open(lambda: None)
        seen.extend((address.url, other.url))
        other.close()

    on_an_address(loop, story)
    assert all(url.startswith("http://127.0.0.1:") for url in seen)
    paths = {url.rpartition("/")[2] for url in seen}
    assert len(paths) == 2
    assert all(len(path) >= 43 for path in paths)


def test_visit_is_told_and_answered_with_a_plain_page_that_is_not_kept(loop: asyncio.Runner) -> None:
    pages: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        pages.append(await ask(address.url))

    assert on_an_address(loop, story) == ["returned"]
    head, _, page = pages[0].partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "Cache-Control: no-store" in head
    assert "Content-Security-Policy: default-src 'none'; style-src 'sha256-" in head
    assert "You can close this page and go back to Souk." in page
    assert "<script" not in page


def test_what_the_provider_adds_to_the_address_is_ignored_and_not_shown(loop: asyncio.Runner) -> None:
    pages: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        path = "/" + address.url.split("/", 3)[3] + "?session=<b>mine</b>&paid=true"
        pages.append(await ask(address.url, path=path.replace("<", "%3C")))

    assert on_an_address(loop, story) == ["returned"]
    assert "mine" not in pages[0]


def test_second_visit_finds_nobody(loop: asyncio.Runner) -> None:
    answers: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        await ask(address.url)
        await asyncio.sleep(0.01)
        answers.append(await ask(address.url))

    assert on_an_address(loop, story) == ["returned"]
    assert answers == [""]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "", "405"),
        ("HEAD", "", "405"),
        ("OPTIONS", "", "405"),
        ("GET", "/", "404"),
        ("GET", "/return/", "404"),
        ("GET", "/return/../return/x", "404"),
        ("GET", "//evil.example/", "404"),
        ("get", "", "405"),
    ],
)
def test_anything_else_is_refused_and_the_address_stays_open(
    loop: asyncio.Runner, method: str, path: str, status: str
) -> None:
    answers: list[str] = []

    async def story(address: Return, told: Told) -> None:
        answers.append(await ask(address.url, method=method, path=path))
        assert told == []
        answers.append(await ask(address.url))

    assert on_an_address(loop, story) == ["returned"]
    assert answers[0].startswith(f"HTTP/1.1 {status} ")
    assert answers[1].startswith("HTTP/1.1 200 ")


def test_path_in_another_spelling_is_another_path(loop: asyncio.Runner) -> None:
    answers: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        own = "/" + address.url.split("/", 3)[3]
        answers.extend([await ask(address.url, path=own.swapcase()), await ask(address.url, path=own + "/")])

    assert on_an_address(loop, story) == []
    assert all(answer.startswith("HTTP/1.1 404 ") for answer in answers)


def test_endless_head_is_cut_short(loop: asyncio.Runner) -> None:
    answers: list[str] = []

    async def story(address: Return, _told: Told) -> None:
        answers.append(await ask(address.url, more="X-Long: " + "a" * 2 * returns.LONGEST + "\r\n"))

    assert on_an_address(loop, story) == []
    assert answers[0] == "" or answers[0].startswith("HTTP/1.1 431 ")


def test_closing_lets_go_of_the_port_and_of_who_is_connected(loop: asyncio.Runner) -> None:
    async def story(address: Return, _told: Told) -> None:
        port = int(address.url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTT")
        await writer.drain()
        await asyncio.sleep(0.05)
        address.close()
        address.close()
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert await ask(address.url) == ""

    assert on_an_address(loop, story) == []


def test_many_who_only_connect_are_not_all_let_in(loop: asyncio.Runner) -> None:
    async def story(address: Return, _told: Told) -> None:
        port = int(address.url.split(":")[2].split("/")[0])
        writers = []
        for _ in range(returns.MOST_VISITS + 4):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
        await asyncio.sleep(0.05)
        assert address.visits <= returns.MOST_VISITS
        for writer in writers:
            writer.close()

    assert on_an_address(loop, story) == []
