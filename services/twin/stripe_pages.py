"""The hosted pages of the twin's Stripe, as text. Nothing from elsewhere; works without its one small script."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from services.api.money import SYMBOLS, Money
from services.twin.paypal_pages import STYLE as COMMON
from services.twin.stripe_cards import SHOWN
from services.twin.stripe_checkout import Typed
from services.twin.stripe_state import BANKS, Doc

STYLE = (
    COMMON
    + """
.sum .back { color: var(--quiet); text-decoration: none; font-weight: 500; font-size: 14px; }
.sum .back:hover { color: var(--text); }
.line { display: flex; justify-content: space-between; gap: 16px; padding: 12px 0; border-top: 1px solid var(--line);
  margin-top: 20px; }
.line b, .line span { overflow-wrap: anywhere; }
.field { margin-bottom: 16px; }
.field label, .field > b { display: block; font-weight: 600; margin-bottom: 6px; }
.field input, .field select { width: 100%; font: inherit; color: inherit; background: var(--card); padding: 10px 12px;
  min-height: 46px; border: 1px solid var(--quiet); border-radius: 10px; font-variant-numeric: tabular-nums; }
.field input[aria-invalid=true] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
.field p { color: var(--bad); margin: 6px 0 0; font-size: 14px; font-weight: 600; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
details { margin-top: 20px; border-top: 1px solid var(--line); padding-top: 12px; color: var(--quiet); font-size: 14px; }
summary { cursor: pointer; min-height: 32px; font-weight: 600; }
.cards { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 4px; }
.cards button { all: unset; display: flex; justify-content: space-between; gap: 12px; width: 100%;
  box-sizing: border-box; padding: 6px 8px; border-radius: 6px; cursor: pointer; color: var(--text); font-variant-numeric: tabular-nums; }
.cards button:hover { background: var(--soft); }
.cards button:focus-visible { outline: 3px solid var(--strong); }
.cards span { color: var(--quiet); text-align: right; }
"""
)
SCRIPT = (
    "for (const one of document.querySelectorAll('[data-card]')) one.addEventListener('click', () => {"
    " const set = (id, value) => { const e = document.getElementById(id); if (e && !e.value) e.value = value; };"
    " document.getElementById('number').value = one.dataset.card; set('expiry', '12 / 34'); set('cvc', '123');"
    " set('name', 'Test Buyer'); set('email', 'buyer@example.com');"
    " const fresh = document.getElementById('fresh'); if (fresh) fresh.checked = true; });"
)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Browsers hold the address that a form leads to against form-action, redirects included: any may follow.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}'; "
    "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
)


def _whole(title: str, body: str, *, script: bool = False) -> str:
    end = f"<script>{SCRIPT}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<header><strong>Souk</strong><span class="badge">TEST MODE</span></header>'
        f"{body}{end}</body></html>"
    )


def amount_text(session: Doc) -> str:
    if session["amount_total"] is None:
        return ""
    zero = Money.zero(session["currency"].upper())
    money = Money(session["amount_total"] * zero.minor_unit, zero.currency)
    places = {"JPY": 0, "KWD": 3}.get(money.currency, 2)
    return f"{SYMBOLS.get(money.currency, money.currency + ' ')}{money.decimal(places)}"


def pay_page(session: Doc, saved: list[Doc], typed: Typed, problems: dict[str, str]) -> str:
    """The form, with what was typed (never the code) and what is wrong with it."""
    is_setup, is_card = session["mode"] == "setup", session["payment_method_types"][0] == "card"
    what = "Save a card" if is_setup and is_card else "Save a bank account" if is_setup else "Pay Souk"
    error = f'<p class="error" role="alert">{escape(problems[""])}</p>' if problems.get("") else ""
    fields = [_saved(session, saved, typed), _email(session, typed, problems)]
    fields += [_card_fields(typed, problems)] if is_card else [_banks(typed, problems)]
    label = "Save card" if is_setup and is_card else "Save account" if is_setup else f"Pay {amount_text(session)}"
    form = (
        f'<form method="post" novalidate><h1>{what}</h1>{error}{"".join(fields)}'
        f'<button id="pay">{escape(label)}</button>{_cards() if is_card else ""}</form>'
    )
    return _whole(what, f'<main class="two">{_summary(session)}{form}</main>', script=is_card)


def _summary(session: Doc) -> str:
    back = session.get("cancel_url") or ""
    link = f'<p><a class="back" id="back" href="{escape(back)}">← Back to Souk</a></p>' if back else ""
    if session["mode"] == "setup":
        body = "<p>Nothing is charged now. It is kept for later payments.</p>"
    else:
        amount, title = escape(amount_text(session)), escape(session["_title"])
        line = f'<div class="line"><b>{title}</b><span>{amount}</span></div>'
        body = f'<p>You pay</p><div class="amount">{amount}</div>{line}'
    note = '<p class="note">This is the test provider on this computer. No real money moves, and no card leaves it.</p>'
    return f'<section class="sum">{link}{body}{note}</section>'


def _field(name: str, label: str, value: str, problem: str, **more: str) -> str:
    extra = "".join(f' {key.replace("_", "-")}="{escape(text)}"' for key, text in more.items())
    bad = f' aria-invalid="true" aria-describedby="{name}-error"' if problem else ""
    told = f'<p id="{name}-error">{escape(problem)}</p>' if problem else ""
    return (
        f'<div class="field"><label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}"{extra}{bad}>{told}</div>'
    )


def _email(session: Doc, typed: Typed, problems: dict[str, str]) -> str:
    value = typed.email or session.get("customer_email") or session.get("_email") or ""
    return _field("email", "Email", value, problems.get("email", ""), type="email", autocomplete="email")


def _card_fields(typed: Typed, problems: dict[str, str]) -> str:
    number = _field("number", "Card number", typed.number, problems.get("number", ""), inputmode="numeric",
                    autocomplete="cc-number", placeholder="1234 1234 1234 1234")  # fmt: skip
    expiry = _field("expiry", "Expiry", typed.expiry, problems.get("expiry", ""), inputmode="numeric",
                    autocomplete="cc-exp", placeholder="MM / YY")  # fmt: skip
    code = _field("cvc", "CVC", "", problems.get("cvc", ""), inputmode="numeric", autocomplete="cc-csc",
                  placeholder="123")  # fmt: skip
    name = _field("name", "Name on card", typed.name, problems.get("name", ""), autocomplete="cc-name")
    return f'{number}<div class="pair">{expiry}{code}</div>{name}'


def _banks(typed: Typed, problems: dict[str, str]) -> str:
    told = {"pays": "pays after four days", "fails": "has no funds after four days", "closed": "the account is closed"}
    choices = "".join(
        f'<label class="choice"><input type="radio" name="bank" value="{name}"'
        f"{' checked' if typed.bank == name else ''}><span><b>{escape(bank)} ···· {last4}</b>"
        f"<span>{told[name]}</span></span></label>"
        for name, (bank, last4, _) in BANKS.items()
    )
    problem = problems.get("bank", "")
    error = f'<p class="error">{escape(problem)}</p>' if problem else ""
    return f"<fieldset><legend>Your bank</legend>{error}{choices}</fieldset>"


def _saved(session: Doc, saved: list[Doc], typed: Typed) -> str:
    if not saved:
        return ""
    kind = session["payment_method_types"][0]
    rows = "".join(
        f'<label class="choice"><input type="radio" name="saved" value="{escape(one["id"])}"'
        f"{' checked' if typed.saved == one['id'] else ''}><span><b>{escape(_label(one, kind))}</b></span></label>"
        for one in saved
    )
    fresh = (
        '<label class="choice"><input type="radio" name="saved" value="" id="fresh"'
        f"{'' if typed.saved else ' checked'}><span><b>Another one</b></span></label>"
    )
    return f"<fieldset><legend>Pay with</legend>{rows}{fresh}</fieldset>"


def _label(method: Doc, kind: str) -> str:
    details = method[kind]
    return f"{str(details.get('brand') or details.get('bank_name')).capitalize()} ···· {details['last4']}"


def _cards() -> str:
    rows = "".join(
        f'<li><button type="button" data-card="{number}"><b>{_grouped(number)}</b>'
        f"<span>{escape(card.says)}</span></button></li>"
        for number, card in SHOWN
    )
    return f'<details id="cards"><summary>Test cards</summary><ul class="cards">{rows}</ul></details>'


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def bank_page(session: Doc, method: Doc) -> str:
    """The bank asks: 3-D Secure."""
    card = method.get("card", {})
    what = amount_text(session) or "A card to be saved"
    paid_by = f"{str(card.get('brand', '')).capitalize()} ···· {card.get('last4', '')}"
    body = (
        '<main><section class="said"><h1>Your bank asks you to confirm</h1>'
        f"<p>{escape(what)} to Souk, with {escape(paid_by)}.</p></section>"
        f'<form method="post"><input type="hidden" name="method" value="{escape(method["id"])}">'
        '<button name="answer" value="complete" id="complete">Complete</button>'
        '<button class="plain" name="answer" value="fail" id="fail">Fail</button></form></main>'
    )
    return _whole("Confirm", body)


def said_page(title: str, text: str, back: str = "") -> str:
    link = f'<p><a id="back" href="{escape(back)}">Back to Souk</a></p>' if back else ""
    return _whole(
        title, f'<main><section class="said"><h1>{escape(title)}</h1><p>{escape(text)}</p>{link}</section></main>'
    )
