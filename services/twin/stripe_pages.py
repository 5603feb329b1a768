"""The hosted pages of the twin's Stripe, as text. Nothing from elsewhere; each works without a script."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import urlsplit

from services.api.money import EXPONENTS, SYMBOLS
from services.twin.store import Doc
from services.twin.stripe_cards import BANKS, BY_NAME, SHOWN, card_of, is_valid
from services.twin.stripe_checkout import COUNTRIES, Typed
from services.twin.stripe_style import SCRIPT, STYLE, digest

MERCHANT = "Souk"
_BADGE = '<span class="badge">TEST MODE</span>'
_WAYS = {"card": "Card", "us_bank_account": "US bank account", "sepa_debit": "SEPA direct debit"}
_BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express"}
_MANDATE = {
    "us_bank_account": "By going on you allow Souk to debit this account. The bank takes about four days.",
    "sepa_debit": "By going on you give Souk a SEPA mandate for this account. The bank takes about four days.",
}


def policy(session: Doc | None = None) -> str:
    """The content security policy. A form's answer leads back to the merchant, which browsers count as its way."""
    bits = urlsplit((session or {}).get("success_url") or "")
    tame = bits.netloc and all(letter.isalnum() or letter in ".-:[]" for letter in bits.netloc)
    back = f" {bits.scheme}://{bits.netloc}" if tame and bits.scheme in ("http", "https") else ""
    return (
        f"default-src 'none'; style-src 'sha256-{digest(STYLE)}'; script-src 'sha256-{digest(SCRIPT)}'; "
        f"form-action 'self'{back}; base-uri 'none'; frame-ancestors 'none'"
    )


def written(amount: int, currency: str) -> str:
    """$1,234.50"""
    places = EXPONENTS.get(currency.upper(), 2)
    whole, part = divmod(amount, 10**places)
    symbol = SYMBOLS.get(currency.upper(), f"{currency.upper()} ")
    return f"{symbol}{whole:,}.{part:0{places}d}" if places else f"{symbol}{whole:,}"


def _page(title: str, side: str, main: str, *, script: bool = False) -> str:
    end = f"<script>{SCRIPT}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header class="side"><div>{side}</div></header><main class="main">{main}</main>{end}</body></html>'
    )


# ---------------------------------------------------------------- the form


def pay_page(session: Doc, saved: list[Doc], typed: Typed, problems: dict[str, str]) -> str:
    """What is bought, and the form with what was typed (never the code) and what is wrong with it."""
    title = _title(session)
    alert = problems.get("") or problems.get("way")
    told = f'<p class="alert" role="alert">{escape(alert)}</p>' if alert else ""
    form = (
        f'<form method="post" action="/c/pay/{session["id"]}" novalidate>{_email(session, typed, problems)}'
        f"{_ways(session, saved, typed, problems)}{_holder(typed, problems)}"
        f'<button id="pay">{escape(_todo(session))}</button></form>'
    )
    kinds = session["payment_method_types"]
    end = (_cards(session) if "card" in kinds else "") + (
        '<p class="foot">This page is part of Souk on this computer. No real money moves, and nothing that is typed '
        "here leaves it.</p>"
    )
    return _page(title, _summary(session), f"<h1>{escape(title)}</h1>{told}{form}{end}", script=True)


def _title(session: Doc) -> str:
    return "Save a way to pay" if session["mode"] == "setup" else "Payment details"


def _todo(session: Doc) -> str:
    if session["mode"] == "setup":
        return "Save"
    return f"Pay {written(session['amount_total'], session['currency'])}"


def _summary(session: Doc) -> str:
    back = session.get("cancel_url")
    link = f'<a id="back" href="{escape(back)}"><span aria-hidden="true">←</span> {MERCHANT}</a>' if back else ""
    bar = f'<div class="bar">{link or f"<b>{MERCHANT}</b>"} {_BADGE}</div>'
    if session["mode"] == "setup":
        return f'{bar}<p class="what">{MERCHANT} charges it for later orders</p><p class="amount">Nothing today</p>'
    amount = written(session["amount_total"], session["currency"])
    lines = "".join(_line(line) for line in session["_lines"])
    is_held = session["_data"].get("capture_method") == "manual"
    note = '<p class="note">The amount is held on the card now, and taken when the order is ready.</p>'
    return (
        f'{bar}<p class="what">Pay {MERCHANT}</p><p class="amount">{amount}</p><ul class="lines">{lines}</ul>'
        f'<div class="total"><span>Total due today</span><b>{amount}</b></div>{note if is_held else ""}'
    )


def _line(line: Doc) -> str:
    more = [line["about"]] if line["about"] else []
    more += [f"Quantity {line['quantity']}"] if line["quantity"] > 1 else []
    small = "".join(f"<span>{escape(text)}</span>" for text in more)
    amount = written(line["amount"], line["currency"])
    return f"<li><span>{escape(line['name'])}{small}</span><b>{amount}</b></li>"


def _field(name: str, label: str, value: str, problems: dict[str, str], **more: str) -> str:
    extra = "".join(f' {key.replace("_", "-")}="{escape(text)}"' for key, text in more.items())
    bad, told = _slip(name, problems)
    return (
        f'<div class="field"><label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}"{extra}{bad}>{told}</div>'
    )


def _slip(name: str, problems: dict[str, str]) -> tuple[str, str]:
    """The marks of a field with a problem, and the sentence below it. The first one gets the focus."""
    if name not in problems:
        return "", ""
    focus = " autofocus" if name == next(iter(problems)) else ""
    marks = f' aria-invalid="true" aria-describedby="{name}-slip"{focus}'
    return marks, f'<p class="slip" id="{name}-slip">{escape(problems[name])}</p>'


def _email(session: Doc, typed: Typed, problems: dict[str, str]) -> str:
    value = typed.email or session.get("customer_email") or session.get("_email") or ""
    return _field("email", "Email", value, problems, type="email", autocomplete="email", maxlength="200")


def _ways(session: Doc, saved: list[Doc], typed: Typed, problems: dict[str, str]) -> str:
    """What is on file first, then each kind with its fields below it."""
    kinds = session["payment_method_types"]
    chosen = typed.chosen(kinds) if typed != Typed() or not saved else saved[0]["id"]
    rows = [_way(one["id"], _saved_label(one), "", chosen) for one in saved]
    for kind in kinds:
        panel = _card_panel(typed, problems) if kind == "card" else _bank_panel(kind, typed, problems)
        if not rows and len(kinds) == 1:
            hidden = f'<input type="hidden" name="way" value="{kind}">'
            only = f'<div class="ways"><div class="way only"><div class="panel">{panel}</div></div></div>'
            return f"<fieldset><legend>{_WAYS[kind]}</legend>{hidden}{only}</fieldset>"
        label = f"Another {_WAYS[kind].lower()}" if saved and kind == "card" else _WAYS[kind]
        rows.append(_way(kind, f"<b>{label}</b>", panel, chosen))
    legend = "Save" if session["mode"] == "setup" else "Pay with"
    return f'<fieldset><legend>{legend}</legend><div class="ways">{"".join(rows)}</div></fieldset>'


def _way(value: str, label: str, panel: str, chosen: str) -> str:
    marks = f'value="{escape(value)}" id="way-{escape(value)}"{" checked" if value == chosen else ""}'
    below = f'<div class="panel">{panel}</div>' if panel else ""
    return (
        f'<div class="way{"" if panel else " saved"}"><label><input type="radio" name="way" {marks}>'
        f"<span>{label}</span></label>{below}</div>"
    )


def _saved_label(method: Doc) -> str:
    details = method[method["type"]]
    name = _BRANDS.get(details.get("brand", ""), "") or details.get("bank_name") or "SEPA"
    until = ""
    if "exp_month" in details:  # of a card; an account does not expire
        until = f"<span>Valid to {details['exp_month']:02d} / {details['exp_year'] % 100:02d}</span>"
    return f"<b>{escape(name)} ending in {escape(details['last4'])}</b>{until}"


def _card_panel(typed: Typed, problems: dict[str, str]) -> str:
    # A browser that offers real cards here would be a trap: completion is off.
    number = _field("number", "Card number", _harmless(typed.number), problems, inputmode="numeric", autocomplete="off",
                    placeholder="1234 1234 1234 1234", maxlength="30")  # fmt: skip
    expiry = _field("expiry", "Expiry", typed.expiry, problems, inputmode="numeric", autocomplete="off",
                    placeholder="MM / YY", maxlength="9")  # fmt: skip
    code = _field("cvc", "CVC", "", problems, inputmode="numeric", autocomplete="off", placeholder="CVC",
                  maxlength="4")  # fmt: skip
    return f'<div class="group">{number}<div class="pair">{expiry}{code}</div></div>'


def _harmless(number: str) -> str:
    """What looks like a real card is not sent back either."""
    return "" if is_valid(number) and card_of(number) is None else number


def _bank_panel(kind: str, typed: Typed, problems: dict[str, str]) -> str:
    marks, told = _slip("bank", problems)
    rows = "".join(
        f'<label><input type="radio" name="bank" value="{bank.name}"{" checked" if typed.bank == bank.name else ""}>'
        f"<span><b>{bank.title}</b><span>Account ending in {bank.last4}. {bank.says}.</span></span></label>"
        for bank in BANKS.values()
    )
    group = f'<div class="banks" role="radiogroup" aria-labelledby="{kind}-label"{marks}>{rows}</div>'
    return (
        f'<div class="group"><span class="label" id="{kind}-label">Your bank</span>{group}{told}'
        f'<p class="foot">{_MANDATE[kind]}</p></div>'
    )


def _holder(typed: Typed, problems: dict[str, str]) -> str:
    """Whose it is; of no matter with a method on file."""
    name = _field("name", "Name on card or account", typed.name, problems, autocomplete="name", maxlength="200")
    bad, told = _slip("country", problems)
    rows = "".join(
        f'<option value="{code}"{" selected" if typed.country == code else ""}>{country}</option>'
        for code, country in COUNTRIES.items()
    )
    country = (
        '<div class="field"><label for="country">Country</label>'
        f'<select id="country" name="country" autocomplete="country"{bad}>{rows}</select>{told}</div>'
    )
    return f'<div class="group holder">{name}{country}</div>'


def _cards(session: Doc) -> str:
    """The published test cards; each fills the form, by the script or by a new look at the page."""
    rows = "".join(
        f'<li><a href="/c/pay/{session["id"]}?card={card.name}" data-card="{number}"><b>{grouped(number)}</b> '
        f"<span>{card.says}</span></a></li>"
        for number, card in SHOWN
    )
    return f'<details id="cards"><summary>Test cards</summary><ul class="cards">{rows}</ul></details>'


def filled(name: str) -> Typed:
    """What the form holds after a test card was chosen without the script."""
    number = next((number for number, card in SHOWN if card.name == name), "")
    if not number:
        return Typed()
    return Typed(number=grouped(number), expiry="12 / 34", name="Test Buyer", email="buyer@example.com", way="card")


def grouped(number: str) -> str:
    sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return " ".join(number[start : start + size] for start, size in zip(starts, sizes, strict=True))


# ---------------------------------------------------------------- the bank, and what is over


def bank_page(intent: Doc, method: Doc) -> str:
    """3-D Secure: the bank asks whether it is really the buyer."""
    card = BY_NAME[method["_card"]]
    amount = written(intent["amount"], intent["currency"]) if "amount" in intent else "Nothing today"
    facts = (("Merchant", MERCHANT), ("Amount", amount), ("Card", f"{_BRANDS[card.brand]} ending in {card.last4}"))
    note = '<p class="note">3-D Secure, as banks ask on their own pages.</p>'
    side = f'<div class="bar"><b>Test bank</b> {_BADGE}</div>{note}'
    main = (
        f'<div class="said"><h1>Is it you who pays?</h1><dl class="facts">{_rows(facts)}</dl></div>'
        f'<form method="post" action="/c/3ds/{intent["id"]}">'
        '<button name="answer" value="complete" id="complete">Complete</button>'
        '<button name="answer" value="fail" id="fail" class="plain">Fail</button></form>'
    )
    return _page("Confirm the payment", side, main)


def said_page(title: str, text: str, back: str = "") -> str:
    """Something that is over."""
    link = f'<a class="button" id="back" href="{escape(back)}">Back to {MERCHANT}</a>' if back else ""
    side = f'<div class="bar"><b>{MERCHANT}</b> {_BADGE}</div>'
    return _page(title, side, f'<div class="said"><h1>{escape(title)}</h1><p>{escape(text)}</p>{link}</div>')


def receipt_page(charge: Doc) -> str:
    kind = charge["payment_method_details"]["type"]
    details = charge["payment_method_details"][kind]
    name = _BRANDS.get(details.get("brand", ""), "") or details.get("bank_name") or "SEPA"
    paid = written(charge["amount_captured"] or charge["amount"], charge["currency"])
    facts = [
        ("For", charge["description"] or MERCHANT),
        ("Amount", paid),
        ("Paid with", f"{name} ending in {details['last4']}"),
    ]
    if charge["amount_refunded"]:
        facts.append(("Refunded", written(charge["amount_refunded"], charge["currency"])))
    facts.append(("Receipt", charge["id"][-8:]))
    side = f'<div class="bar"><b>{MERCHANT}</b> {_BADGE}</div>'
    return _page("Receipt", side, f'<div class="said"><h1>Receipt</h1><dl class="facts">{_rows(facts)}</dl></div>')


def _rows(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
