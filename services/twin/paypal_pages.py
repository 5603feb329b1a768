"""The page on which a buyer of the twin's PayPal says yes or no. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit, urlunsplit

from services.api.money import SYMBOLS
from services.twin.paypal_book import Doc
from services.twin.paypal_orders import ASKS, BALANCE, BANK, DECLINES, REVIEWED

BUYER = "buyer@example.com"
CHOICES = (
    (BALANCE, "Balance", "Pays at once."),
    (BANK, "Bank account", "Pays at once; a refund takes a day to arrive."),
    (REVIEWED, "An account under review", "The payment is looked at for three days, and then goes through."),
    (ASKS, "An account that asks again", "Pays now. A later charge waits for your yes on a page like this."),
    (DECLINES, "An account that declines", "PayPal refuses the payment after you agreed to it."),
)

STYLE = """
:root { color-scheme: light dark; --page: #eef1f6; --card: #ffffff; --soft: #f4f6fa; --text: #101a33; --quiet: #4d5a75;
  --line: #c3cbd9; --strong: #0b4f9e; --on-strong: #ffffff; --badge: #7a3d00; --badge-back: #ffe9c7; --bad: #a3151c; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1220; --card: #171e2f; --soft: #1e273b; --text: #e9eef8;
  --quiet: #aab6cc; --line: #4a5770; --strong: #8dbbff; --on-strong: #0a1326; --badge: #ffd9a0; --badge-back: #48300c;
  --bad: #ff9ea3; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header { display: flex; align-items: center; gap: 12px; padding: 20px 24px; max-width: 960px; margin: 0 auto; }
header span { font-size: 14px; }
header strong { font-size: 20px; letter-spacing: -.01em; }
.badge { background: var(--badge-back); color: var(--badge); border-radius: 6px; padding: 2px 10px; font-size: 13px;
  font-weight: 700; letter-spacing: .06em; }
main { max-width: 960px; margin: 0 auto 40px; background: var(--card); border-radius: 16px; overflow: hidden;
  box-shadow: 0 1px 2px rgb(0 0 0 / .12), 0 12px 40px rgb(0 0 0 / .08); }
.sum, form, .said { padding: 24px; }
.sum { background: var(--soft); }
.sum p { margin: 0; color: var(--quiet); }
.sum .amount { color: var(--text); font-size: 36px; font-weight: 700; letter-spacing: -.02em;
  line-height: 1.2; margin: 4px 0 12px; overflow-wrap: anywhere; }
.sum .what { color: var(--text); font-weight: 600; overflow-wrap: anywhere; }
.sum .note { margin-top: 20px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 14px; }
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 16px; }
label.field { display: block; font-weight: 600; margin-bottom: 6px; }
input[type=email] { width: 100%; font: inherit; color: inherit; background: var(--card); padding: 10px 12px;
  min-height: 46px; border: 1px solid var(--quiet); border-radius: 10px; }
fieldset { border: 0; padding: 0; margin: 20px 0; }
legend { font-weight: 600; padding: 0; margin-bottom: 6px; }
.choice { display: flex; gap: 12px; align-items: flex-start; padding: 12px; border: 1px solid var(--line);
  border-radius: 10px; margin-bottom: 8px; cursor: pointer; }
.choice:hover { border-color: var(--strong); }
.choice:has(:checked) { border-color: var(--strong); box-shadow: inset 0 0 0 1px var(--strong); }
.choice input { width: 20px; height: 20px; margin: 2px 0 0; accent-color: var(--strong); flex: none; }
.choice b { display: block; font-weight: 600; }
.choice span span { color: var(--quiet); font-size: 14px; }
button { font: inherit; font-weight: 700; width: 100%; min-height: 50px; border-radius: 25px; border: 0;
  padding: 10px 24px; background: var(--strong); color: var(--on-strong); cursor: pointer; }
button:hover { filter: brightness(1.08); }
button.plain { background: none; color: var(--strong); font-weight: 600; margin-top: 8px; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
.error { color: var(--bad); font-weight: 600; margin: 0 0 16px; }
.said p { margin: 0 0 16px; color: var(--quiet); max-width: 60ch; }
a { color: var(--strong); font-weight: 600; }
@media (min-width: 760px) { main.two { display: grid; grid-template-columns: 5fr 7fr; }
  .sum, form, .said { padding: 40px; } }
@media (prefers-reduced-motion: no-preference) { .choice, button { transition: border-color .12s, filter .12s; } }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Page:
    html: bytes
    headers: dict[str, str]


def agree_page(asked: Doc, *, error: str = "", email: str = "", funding: str = BALANCE) -> Page:
    """For an order, or for a setup token, which keeps the account and pays nothing."""
    unit = asked.get("purchase_units", [{}])[0]
    is_order = bool(unit)
    amount = written(unit["amount"]) if is_order else ""
    held = asked.get("intent") == "AUTHORIZE"
    todo = (f"Agree &amp; Hold {amount}" if held else f"Agree &amp; Pay {amount}") if is_order else "Agree &amp; Save"
    keeps = asked.get("_saves", not is_order)
    shown = escape(email or asked.get("_email") or BUYER, quote=True)
    body = f"""<main class="two"><section class="sum"><p>{_reason(is_order, held)}</p>
<p class="amount">{amount or "Nothing today"}</p>
<p class="what">{escape(unit.get("description", "Your PayPal account"))}</p>
{_note(held, keeps)}</section>
<form method="post"><h1>{"Pay with PayPal" if is_order else "Save your PayPal account"}</h1>
{f'<p class="error" role="alert">{escape(error)}</p>' if error else ""}
<label class="field" for="email">Email of your account</label>
<input id="email" name="email" type="email" autocomplete="email" required value="{shown}">
<fieldset><legend>Pay from</legend>{_choices(funding)}</fieldset>
<button name="answer" value="agree">{todo}</button>
<button class="plain" name="answer" value="cancel" formnovalidate>Cancel and return</button></form></main>"""
    return _page("Pay with PayPal (test)", body, asked.get("_context", {}).get("return_url", ""))


def _reason(is_order: bool, held: bool) -> str:
    if not is_order:
        return "Souk asks to charge you later"
    return "Souk asks to hold" if held else "You pay Souk"


def _note(held: bool, keeps: bool) -> str:
    lines = []
    if held:
        lines.append("The amount is held for up to 29 days and paid when Souk takes it.")
    if keeps:
        lines.append("Souk may charge this account again for what you order there. You can end this at any time.")
    return "".join(f'<p class="note">{line}</p>' for line in lines)


def _choices(chosen: str) -> str:
    return "".join(
        f'<label class="choice"><input type="radio" name="funding" value="{value}"'
        f"{' checked' if value == chosen else ''}><span><b>{name}</b><span>{says}</span></span></label>"
        for value, name, says in CHOICES
    )


def said_page(title: str, text: str, return_url: str = "") -> Page:
    """Something that is over."""
    back = f'<a href="{escape(return_url, quote=True)}">Return to Souk</a>' if return_url else ""
    body = f'<main><section class="said"><h1>{escape(title)}</h1><p>{escape(text)}</p>{back}</section></main>'
    return _page(title, body, "")


def _page(title: str, body: str, return_url: str) -> Page:
    html = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><header><strong>PayPal</strong><span class="badge">TEST</span><span>No real money moves here.</span></header>
{body}</body></html>"""
    bits = urlsplit(return_url)
    # the answer to the form leads there, which browsers count as a form's way
    back = f" {bits.scheme}://{bits.netloc}" if bits.scheme in ("http", "https") and _is_tame(bits.netloc) else ""
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'{back}; "
        "base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Page(html.encode(), headers)


def _is_tame(netloc: str) -> bool:
    return bool(netloc) and all(letter.isalnum() or letter in ".-:[]" for letter in netloc)


def written(amount: Doc) -> str:
    """$1,234.50"""
    whole, point, fraction = amount["value"].partition(".")
    return f"{SYMBOLS[amount['currency_code']]}{int(whole):,}{point}{fraction}"


def with_answer(url: str, **values: str) -> str:
    """The merchant's address with what PayPal adds to it."""
    bits = urlsplit(url)
    query = "&".join(filter(None, (bits.query, urlencode(values))))
    return urlunsplit(bits._replace(query=query))
