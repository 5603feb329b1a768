"""What a buyer does on a provider's page in the browser, operator by operator: types a card, another one after a
decline, says yes on PayPal's. The page is fetched and sent as a browser does; a Chromium, if any, takes pictures.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.browsing import CardPage

if TYPE_CHECKING:
    from app.journey import Player

SCREEN = "payment page"
# Published test cards; the name is the buyer's own, 8 characters.
CARD = {"number": "4242424242424242", "expiry": "1234", "cvc": "123", "name": "Ada King"}
DECLINED_NUMBER = "4000000000000002"
PICTURE_SECONDS = 20


async def by_card(player: Player) -> None:
    """Somebody with nothing on file: a new card is what is chosen already."""
    await _type_card(player, await _go(player), CARD)
    player.away = ""


async def by_new_card(player: Player) -> None:
    """Not the card on file."""
    page = await _go(player, "new-card", takes_picture=True)
    await _type_card(player, page, CARD)
    player.away = ""


async def by_second_card(player: Player) -> None:
    """The first is declined; the page stays, and another number and its code are typed there."""
    page = await _go(player, "new-card")
    answer = await _type_card(player, page, CARD | {"number": DECLINED_NUMBER})
    player.step("declined")
    again = CardPage(player.pages[-1], answer)
    player.scenario.meter.look()
    player.scenario.meter.click(decides=False)
    player.scenario.meter.press(2)  # all of it is selected
    _type(player, again, "number", CARD["number"])
    player.scenario.meter.press(2)  # the expiry stands there still
    _type(player, again, "cvc", CARD["cvc"])
    await _send(player, again)
    player.away = ""


async def by_paypal(player: Player) -> None:
    """PayPal knows who it is; the one button is pressed."""
    page = await _go(player, "paymentMethod-paypal", takes_picture=True)
    player.scenario.meter.look()
    page.fields["answer"] = "agree"  # as the button says
    player.scenario.meter.click(decides=False)
    await _send(player, page, with_key=False)
    player.away = ""


async def _go(player: Player, way: str = "", *, takes_picture: bool = False) -> CardPage:
    """At checkout, up to the open page."""
    checkout = player.desktop.vms.checkout
    await player.until(lambda: checkout.state.can_pay, "the way to pay")
    if way:
        player.click(way)
        await player.until(lambda: checkout.state.can_pay and not checkout.state.payment_token, "something new to pay")
    before = len(player.pages)
    player.click("payButton", decides=False)
    await player.until(lambda: player.is_seen("waitingSheet"), "the sheet that waits for the browser")
    await player.until(lambda: len(player.pages) > before, "the page of the provider")
    player.step("browser opened")
    player.away = SCREEN
    page = await CardPage.open(player.pages[-1])
    player.step("page open")
    if takes_picture:
        await asyncio.to_thread(_take_picture, player.pages[-1], Path(player.scenario.steps[-1].screenshot))
        player.resume()
    return page


async def _type_card(player: Player, page: CardPage, card: dict[str, str]) -> str:
    """What the page says then."""
    meter = player.scenario.meter
    meter.look()
    if page.fields["way"] != "card":  # what is on file is chosen already
        page.type("way", "card")
        meter.click()
        meter.press()  # Tab, into the number
    else:
        meter.click(decides=False)  # into the number
    for count, (name, text) in enumerate(card.items()):
        if count:
            meter.press()  # Tab
        _type(player, page, name, text)
    return await _send(player, page)


def _type(player: Player, page: CardPage, name: str, text: str) -> None:
    player.scenario.meter.type_field(len(text))
    page.type(name, text)


async def _send(player: Player, page: CardPage, *, with_key: bool = True) -> str:
    if with_key:
        player.scenario.meter.press()  # Enter
    player.resume()
    return await page.send()


def _take_picture(url: str, file: Path) -> None:
    """Of the page as it is when it opens; without a Chromium the picture of the window stays."""
    program = shutil.which("chromium")
    if program is None:
        return
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # its sandbox refuses to work for root
        flags.append("--no-sandbox")
    with tempfile.TemporaryDirectory(prefix="souk-journey-browser-", ignore_cleanup_errors=True) as profile:
        command = [program, *flags, f"--user-data-dir={profile}", f"--screenshot={file}", "--window-size=1280,800", url]
        try:
            subprocess.run(command, capture_output=True, timeout=PICTURE_SECONDS, check=False)  # noqa: S603  our own
        except (OSError, subprocess.TimeoutExpired):
            return
