"""The real window on the real service, up to the page of the provider, or from a start with one still open.

`python -m tests.browser.window_driver buy|wait DATA PORT SHOTS`: prints the page's address, or how the order stands at
last, and lives on until it is ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.clock import SeededIds
from app.desktop import Desktop, make_application
from app.journey import EMAIL, PASSWORD, Player
from app.settings import load
from services.api.types import ResourceState


class Buyer(Player):
    """Presses what stands in the window."""

    def is_there(self, name: str) -> bool:
        from PySide6.QtWidgets import QWidget  # as app/journey.py has it

        return any(one.isVisible() and one.isEnabled() for one in self.desktop.shell.findChildren(QWidget, name))

    def shoot(self, name: str) -> None:
        self.desktop.shell.grab().save(str(self._out / f"{name}.png"))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def buy(buyer: Buyer) -> None:
    """As somebody new, with a card that is typed in the browser."""
    vms, here = buyer.desktop.vms, buyer.desktop.shell.navigator
    buyer.click_card(0)
    await buyer.until(lambda: here.here.page == "agent" and vms.agent.state.offering is not None, "the agent")
    buyer.click("buyButton")
    await buyer.until(lambda: vms.checkout.state.summary is not None, "the price")
    await buyer.until(lambda: buyer.focus_is("emailField"), "the cursor in the e-mail field")
    buyer.type_into_focus(EMAIL)
    buyer.widget("passwordField").setFocus()
    buyer.type_into_focus(PASSWORD)
    buyer.click("termsCheckbox")
    await buyer.until(lambda: vms.checkout.state.can_pay, "the end of the sums")
    buyer.click("payButton")
    await buyer.until(lambda: buyer.is_there("waitingPaid"), "the sheet that waits")
    buyer.shoot("waiting")
    say(vms.checkout.page.state.url)


async def wait(buyer: Buyer) -> None:
    """Signs in again, as where no keyring remembers; what was paid since the start is among the agents by itself."""
    vms, shell = buyer.desktop.vms, buyer.desktop.shell
    vms.session.sign_in(EMAIL, PASSWORD)
    await buyer.until(lambda: vms.session.state.is_signed_in, "the account")
    say("started")
    shell.navigator.show_section("my_agents")
    await buyer.until(lambda: here_is(buyer, ResourceState.READY), "the agent that was paid for")
    say(vms.my_agents.state.items[0].name)


def here_is(buyer: Buyer, state: ResourceState) -> bool:
    return [one.state for one in buyer.desktop.vms.my_agents.state.items] == [state]


def main() -> None:
    what, data, port, shots = sys.argv[1:]
    application = make_application()
    desktop = Desktop(
        application, load(Path(data), environ={}, twin_port=port), ids=SeededIds(7 if what == "buy" else 8)
    )
    desktop.shell.resize(1280, 800)
    desktop.shell.open_window()
    buyer = Buyer(desktop, Path(shots))
    desktop.browser.open_url = lambda _url: True
    with desktop.loop:
        desktop.start()
        desktop.loop.run_until_complete({"buy": buy, "wait": wait}[what](buyer))
        desktop.loop.run_forever()


if __name__ == "__main__":
    main()
