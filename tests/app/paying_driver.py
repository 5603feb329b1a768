"""Buys in the real window on the real service, and is the browser: pays on the page, comes back, takes it back.
`python -m tests.app.paying_driver DATA`; writes one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from PySide6.QtWidgets import QWidget

from app.desktop import Desktop, make_application
from app.settings import load
from ui.shell import history as at
from ui.viewmodels.base import Status
from ui.viewmodels.checkout_state import Phase

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.02
CARD = {
    "way": "card", "email": "ada@example.com", "number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123",
    "name": "Ada King", "country": "DE", "postal": "10115",
}  # fmt: skip


class Payer:
    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        self.opened: list[str] = []
        self.noticed = 0
        desktop.browser.open_url = self._open
        desktop.browser.attention = self._notice

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    def _notice(self) -> None:
        self.noticed += 1

    async def until(self, condition: Callable[[], object], what: str) -> None:
        for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
            if condition():
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise SystemExit(f"waited {PATIENCE_SECONDS:.0f} s for {what}")

    def is_there(self, name: str) -> bool:
        return any(one.isVisible() and one.isEnabled() for one in self.desktop.shell.findChildren(QWidget, name))

    async def press(self, name: str) -> None:
        await self.until(lambda: self.is_there(name), name)
        shown = [one for one in self.desktop.shell.findChildren(QWidget, name) if one.isVisible()]
        shown[0].click()  # type: ignore[attr-defined] # a button

    async def to_page(self) -> None:
        checkout = self.desktop.vms.checkout
        await self.until(lambda: checkout.state.status is Status.READY and checkout.state.can_pay, "checkout")
        checkout.type_email("ada@example.com")
        checkout.type_password("correct horse")
        checkout.accept_terms(True)
        await self.press("payButton")
        await self.until(lambda: checkout.state.phase is Phase.AT_PROVIDER and self.is_there("waitingSheet"), "page")

    async def pay_there(self) -> str:
        """As a browser: looks at the page, pays, and follows it back; where that ends."""
        return await asyncio.to_thread(browse, self.opened[-1])


def browse(url: str) -> str:
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(url).raise_for_status()
        back = browser.post(url, data=CARD)
    return f"{back.status_code} {back.text}"


async def play(desktop: Desktop, payer: Payer) -> dict[str, Any]:  # Any: JSON
    vms, navigator = desktop.vms, desktop.shell.navigator
    await payer.until(lambda: vms.marketplace.state.status is Status.READY and desktop._ready.done(), "catalogue")
    navigator.check_out("customer-care")
    await payer.to_page()
    host = vms.checkout.page.state.host
    back = await payer.pay_there()
    await payer.until(lambda: vms.confirmation.state.can_undo, "the offer to take it back")
    paid_with = vms.confirmation.state.order.paid_with if vms.confirmation.state.order else ""
    vms.confirmation.undo()
    await payer.until(lambda: vms.confirmation.state.is_taken_back, "taken back")
    vms.confirmation.buy_again()
    await payer.until(lambda: navigator.here.page == at.CHECKOUT and vms.checkout.state.can_pay, "checkout again")
    state = vms.checkout.state
    return {
        "opened": len(payer.opened), "host": host, "back": back, "noticed": payer.noticed, "paid with": paid_with,
        "again": state.pay_label, "plan": state.plan.name if state.plan else "",
    }  # fmt: skip


def main() -> None:
    application = make_application()
    desktop = Desktop(application, load(Path(sys.argv[1]), {}, twin_port=0))
    payer = Payer(desktop)

    async def whole() -> None:
        desktop.shell.resize(1280, 800)
        desktop.shell.open_window()
        desktop.start()
        sys.stdout.write(json.dumps(await play(desktop, payer)))
        await desktop.finish()

    with desktop.loop:
        desktop.loop.run_until_complete(whole())


if __name__ == "__main__":
    main()
