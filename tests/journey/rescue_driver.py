"""Opens the window on a data folder that cannot be opened as it is, takes one way out and says what happened.

`python -m tests.journey.rescue_driver DATA restore|read|look`; prints one JSON object.
"""

import asyncio
import json
import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from app.desktop import Desktop, make_application
from app.settings import load
from services.api.errors import ServiceError
from services.api.types import Cart, OfferingQuery
from ui.pages.rescue import RescueSheet


async def sheet_of(desktop: Desktop) -> RescueSheet:
    for _ in range(500):
        for sheet in desktop.shell.findChildren(RescueSheet):
            if sheet.isVisible():
                return sheet
        await asyncio.sleep(0.02)
    raise TimeoutError("no rescue sheet")


async def play(desktop: Desktop, way: str) -> dict[str, object]:
    desktop.start()
    sheet = await sheet_of(desktop)
    found: dict[str, object] = {
        "texts": [one.text() for one in sheet.findChildren(QLabel) if one.isVisible()],
        "buttons": [one.objectName() for one in sheet.findChildren(QPushButton) if one.isVisible()],
        "focus": getattr(desktop.shell.focusWidget(), "objectName", str)(),
    }
    if way == "look":
        return found
    button = sheet.findChild(QPushButton, "rescueRestore" if way == "restore" else "rescueRead")
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    service = desktop.vms.session._service
    page = await asyncio.wait_for(service.list_offerings(OfferingQuery(page_size=5)), 10)
    found["offerings"] = page.total
    try:
        await service.save_cart(Cart())
        found["write"] = "ok"
    except ServiceError as error:
        found["write"] = error.code
    return found


def main() -> None:
    application = make_application()
    desktop = Desktop(application, load(Path(sys.argv[1]), environ={}))
    desktop.shell.show()
    desktop.shell.activateWindow()
    with desktop.loop:
        result = desktop.loop.run_until_complete(play(desktop, sys.argv[2]))
        desktop.close()
    print(json.dumps(result))  # noqa: T201  the answer to the test


if __name__ == "__main__":
    main()
