"""A browser without a picture for the journey: takes a page's form as it stands, fills fields, sends it, follows on."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

_NOT_SENT = {"submit", "button", "reset", "image", "file"}


class _Form(HTMLParser):
    """The first form of a page with what a browser would send of it untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._select = ""
        self._is_over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if self._is_over:
            return
        if tag == "form":
            self.action = found.get("action", "")
        elif tag == "input":
            self._take(found)
        elif tag == "select":
            self._select = found.get("name", "")
        elif tag == "option" and self._select and ("selected" in found or self._select not in self.fields):
            self.fields[self._select] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_over = True
        elif tag == "select":
            self._select = ""

    def _take(self, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        is_chosen = kind not in ("radio", "checkbox") or "checked" in found
        if found.get("name") and kind not in _NOT_SENT and is_chosen:
            self.fields[found["name"]] = found.get("value", "on" if kind == "checkbox" else "")


class CardPage:
    """A provider's page that is open."""

    def __init__(self, url: str, html: str) -> None:
        form = _Form()
        form.feed(html)
        self._url = urljoin(url, form.action) if form.action else url
        self.fields = form.fields

    @classmethod
    async def open(cls, url: str) -> CardPage:
        """httpx.HTTPError."""
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return cls(url, (await client.get(url)).raise_for_status().text)

    def type(self, name: str, text: str) -> None:
        """Fills a field. KeyError for one that the page does not have."""
        if name not in self.fields:
            raise KeyError(name)
        self.fields[name] = text

    async def send(self) -> str:
        """Sends the form and follows where it leads; what is seen at the end. httpx.HTTPError."""
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return (await client.post(self._url, data=self.fields)).text
