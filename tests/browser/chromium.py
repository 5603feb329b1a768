"""A real Chromium for tests, in a thread of its own: Playwright keeps a loop running where it was started."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

PROGRAM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Whatever it may want of its own accord: nobody's name leads anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
PATIENCE_MS = 10_000
DESKTOP, PHONE = (1280, 800), (390, 844)
Found = TypeVar("Found")


class Chromium:
    """Runs from its making until `close`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chromium")
        self._playwright, self._browser = self._thread.submit(_start).result()

    def do(self, work: Callable[[Browser], Found]) -> Found:
        """What `work` brings or raises, from the browser's own thread."""
        return self._thread.submit(work, self._browser).result()

    def tab(
        self, size: tuple[int, int] = DESKTOP, *, scripts: bool = True, dark: bool = False, is_phone: bool = False
    ) -> Tab:
        """A fresh profile with one empty page."""

        def make(browser: Browser) -> Page:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts,
                color_scheme="dark" if dark else "light", is_mobile=is_phone, has_touch=is_phone, locale="en-US",
            )  # fmt: skip
            context.set_default_timeout(PATIENCE_MS)
            return context.new_page()

        return Tab(self, self.do(make))

    def close(self) -> None:
        self.do(lambda browser: browser.close())
        self._thread.submit(self._playwright.stop).result()
        self._thread.shutdown()


def _start() -> tuple[Playwright, Browser]:
    from playwright.sync_api import sync_playwright  # half a second, and only wanted here

    playwright = sync_playwright().start()
    return playwright, playwright.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))


class Tab:
    """One page and the hands on it. `asked`: every address it went to; `complaints`: what stands in its console.
    Fields and buttons are called by their CSS selector or by what is written on them."""

    def __init__(self, chromium: Chromium, page: Page) -> None:
        self._chromium = chromium
        self._page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        chromium.do(lambda _browser: self._listen())

    def _listen(self) -> None:
        self._page.on("request", lambda request: self.asked.append(request.url))
        self._page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _do(self, work: Callable[[Page], Found]) -> Found:
        return self._chromium.do(lambda _browser: work(self._page))

    # ---- hands

    def go(self, url: str) -> int:
        """The status of the answer."""

        def visit(page: Page) -> int:
            response = page.goto(url)
            assert response is not None
            return response.status

        return self._do(visit)

    def click(self, what: str) -> None:
        self._do(lambda page: page.click(what))

    def fill(self, **texts: str) -> None:
        """Each field, by its id, at once."""

        def work(page: Page) -> None:
            for field, text in texts.items():
                page.fill(f"#{field}", text)

        self._do(work)

    def type(self, into: str, text: str) -> None:
        """Key by key, instead of what was there."""

        def work(page: Page) -> None:
            page.fill(into, "")
            page.locator(into).press_sequentially(text)

        self._do(work)

    def keys(self, text: str) -> None:
        """Typed wherever the cursor is."""
        self._do(lambda page: page.keyboard.type(text))

    def press(self, *keys: str) -> None:
        def work(page: Page) -> None:
            for key in keys:
                page.keyboard.press(key)

        self._do(work)

    def choose(self, from_list: str, value: str) -> None:
        self._do(lambda page: page.select_option(from_list, value))

    def back(self) -> None:
        self._do(lambda page: page.go_back())

    # ---- eyes

    def wait_for(self, text: str) -> None:
        """Until it stands on the page."""
        self._do(lambda page: page.get_by_text(text).first.wait_for())

    def wait_seen(self, what: str) -> None:
        self._do(lambda page: page.locator(what).first.wait_for())

    def wait_at(self, url: str) -> None:
        """Until the page is one whose address begins so."""
        self._do(lambda page: page.wait_for_url(lambda found: found.startswith(url)))

    @property
    def url(self) -> str:
        return self._do(lambda page: page.url)

    @property
    def text(self) -> str:
        return self._do(lambda page: page.inner_text("body"))

    @property
    def focused(self) -> str:
        """The id of what has the cursor; its name where it has none."""
        return str(self.run("document.activeElement.id || document.activeElement.name || ''"))

    def value(self, of: str) -> str:
        return self._do(lambda page: page.input_value(of))

    def is_seen(self, what: str) -> bool:
        return self._do(lambda page: page.is_visible(what))

    def run(self, script: str) -> Any:  # Any: what the script makes
        """Only in a tab with scripts."""
        return self._do(lambda page: page.evaluate(script))

    def shoot(self, file: Path) -> None:
        self._do(lambda page: page.screenshot(path=file))

    @property
    def strangers(self) -> list[str]:
        """What it asked that is not this machine."""
        return [url for url in self.asked if urlsplit(url).hostname != "127.0.0.1"]

    def close(self) -> None:
        self._do(lambda page: page.context.close())
