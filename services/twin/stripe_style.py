"""How the hosted pages of the twin's Stripe look, and the little script that they work without."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --side: #f2f3f8; --text: #171b26; --quiet: #545c6d; --line: #d6dae3;
  --edge: #7d8595; --field: #ffffff; --soft: #f2f3f8; --strong: #4338ca; --hover: #3730a3; --on-strong: #ffffff;
  --bad: #b4232f; --bad-back: #fdecec; --badge: #6b3a00; --badge-back: #ffe6b8; }
@media (prefers-color-scheme: dark) { :root { --page: #14161d; --side: #1b1e28; --text: #eceef4; --quiet: #a9b0c0;
  --line: #383d4b; --edge: #7f889b; --field: #1b1e28; --soft: #232733; --strong: #a5b4fc; --hover: #c7d2fe;
  --on-strong: #14143a; --bad: #ff9b9f; --bad-back: #3b1d22; --badge: #ffd894; --badge-back: #4a3208; } }
* { box-sizing: border-box; }
html { background: var(--page); }
body { margin: 0; min-height: 100vh; color: var(--text); background: var(--page); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--strong); }
h1, h2, p { margin: 0; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
.side { background: var(--side); padding: 20px 20px 24px; border-bottom: 1px solid var(--line); }
.side > div, .main > * { max-width: 440px; margin-inline: auto; }
.bar { display: flex; align-items: center; gap: 10px; min-height: 44px; }
.bar a { display: inline-flex; align-items: center; min-height: 44px; gap: 8px; color: var(--text);
  text-decoration: none; font-weight: 600; }
.bar a:hover { text-decoration: underline; }
.bar b { font-weight: 600; }
.badge { background: var(--badge-back); color: var(--badge); border-radius: 6px; padding: 2px 8px; font-size: 12px;
  font-weight: 700; letter-spacing: .06em; white-space: nowrap; }
.what { color: var(--quiet); font-weight: 500; margin-top: 16px; }
.amount { font-size: 36px; line-height: 1.2; font-weight: 650; letter-spacing: -.02em; margin-top: 2px;
  font-variant-numeric: tabular-nums; }
.lines { margin: 20px 0 0; padding: 0; list-style: none; }
.lines li, .total { display: flex; justify-content: space-between; gap: 16px; padding: 8px 0; }
.lines span span, .total + p { display: block; color: var(--quiet); font-size: 14px; font-weight: 400; }
.lines b, .total b { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.lines span { font-weight: 500; }
.total { border-top: 1px solid var(--line); margin-top: 8px; padding-top: 16px; font-weight: 600; }
.note { color: var(--quiet); font-size: 14px; margin-top: 16px; }
.main { padding: 28px 20px 48px; }
h1 { font-size: 20px; line-height: 1.3; font-weight: 650; }
h2, legend, .label { font-size: 15px; font-weight: 600; }
form { display: grid; gap: 20px; margin-top: 20px; }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
legend { padding: 0; margin-bottom: 8px; }
.field { display: grid; gap: 6px; }
.field label { font-size: 15px; font-weight: 600; }
.field input, .field select { width: 100%; min-height: 46px; padding: 10px 12px; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--edge); border-radius: 8px; font-variant-numeric: tabular-nums; }
.field input::placeholder { color: var(--quiet); opacity: 1; }
.field [aria-invalid=true] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
.slip { color: var(--bad); font-size: 14px; font-weight: 500; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; align-items: start; }
.group { display: grid; gap: 16px; }
.ways { border: 1px solid var(--edge); border-radius: 10px; overflow: hidden; }
.way + .way { border-top: 1px solid var(--line); }
.way > label { display: flex; align-items: center; gap: 12px; padding: 12px 16px; min-height: 52px; cursor: pointer; }
.way > label:hover { background: var(--soft); }
.way > label b { font-weight: 600; }
.way > label span span { display: block; color: var(--quiet); font-size: 14px; }
.way > label:focus-within { outline: 3px solid var(--strong); outline-offset: -3px; border-radius: 10px; }
input[type=radio] { width: 18px; height: 18px; margin: 0; flex: none; accent-color: var(--strong); }
input[type=radio]:focus-visible { outline: 0; }
.panel { padding: 8px 16px 20px; }
form:has(.saved > label :checked) .holder { display: none; }
.only > .panel { padding: 20px 16px; }
@supports selector(:has(*)) { .way:not(.only):not(:has(> label :checked)) > .panel { display: none; } }
.banks { display: grid; gap: 8px; }
.banks label { display: flex; align-items: center; gap: 12px; padding: 10px 12px; min-height: 48px; cursor: pointer;
  border: 1px solid var(--edge); border-radius: 8px; }
.banks label:hover { background: var(--soft); }
.banks label:has(:checked) { border-color: var(--strong); box-shadow: inset 0 0 0 1px var(--strong); }
.banks label:focus-within { outline: 3px solid var(--strong); outline-offset: 2px; }
.banks b { display: block; font-weight: 600; }
.banks span span { color: var(--quiet); font-size: 14px; }
button, .button { display: flex; align-items: center; justify-content: center; width: 100%; min-height: 50px;
  padding: 10px 20px; font: inherit; font-weight: 650; border: 1px solid transparent; border-radius: 8px;
  background: var(--strong); color: var(--on-strong); text-decoration: none; cursor: pointer; }
button:hover, .button:hover { background: var(--hover); }
button:disabled { opacity: .7; cursor: default; }
button.plain { background: none; border-color: var(--edge); color: var(--text); }
button.plain:hover { background: var(--soft); }
.alert { background: var(--bad-back); color: var(--bad); border: 1px solid currentcolor; border-radius: 8px;
  padding: 12px 16px; font-weight: 500; margin-top: 20px; }
details { margin-top: 24px; border-top: 1px solid var(--line); }
summary { display: flex; align-items: center; gap: 8px; min-height: 48px; cursor: pointer; font-weight: 600; }
summary::before { content: "+"; color: var(--quiet); width: 12px; }
details[open] summary::before { content: "\\2212"; }
summary::-webkit-details-marker { display: none; }
.cards { list-style: none; margin: 0 -12px; padding: 0; }
.cards a { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; padding: 10px 12px;
  min-height: 44px; border-radius: 8px; color: var(--text); text-decoration: none; font-size: 15px;
  font-variant-numeric: tabular-nums; }
.cards a:hover { background: var(--soft); }
.cards span { color: var(--quiet); }
.foot { color: var(--quiet); font-size: 14px; margin-top: 24px; }
.said { display: grid; gap: 16px; padding-top: 12px; }
.said p { color: var(--quiet); }
.facts { display: grid; grid-template-columns: auto 1fr; gap: 8px 16px; margin: 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
@media (min-width: 860px) { body { display: grid; grid-template-columns: 1fr 1fr; }
  .side { padding: 48px 64px; border: 0; border-right: 1px solid var(--line); }
  .side > div { margin-inline: auto 0; max-width: 400px; width: 100%; }
  .main { padding: 60px 64px; } .main > * { margin-inline: 0 auto; }
  .what { margin-top: 36px; } .amount { font-size: 40px; } .lines { margin-top: 36px; } }
@media (prefers-reduced-motion: no-preference) { button, .way > label { transition: background-color .12s; } }
"""

SCRIPT = """
(() => {
  const find = (id) => document.getElementById(id);
  const type = (id, group, joint) => {
    const field = find(id);
    if (!field) return;
    field.addEventListener('input', (event) => {
      if (field.selectionStart !== field.value.length || String(event.inputType).startsWith('delete')) return;
      field.value = group(field.value.replace(/\\D/g, '')).join(joint);
    });
  };
  type('number', (digits) => digits.slice(0, 19).match(/.{1,4}/g) || [], ' ');
  type('expiry', (digits) => digits.length < 2 ? [digits] : [digits.slice(0, 2), digits.slice(2, 6)], ' / ');
  for (const one of document.querySelectorAll('[data-card]')) {
    one.addEventListener('click', (event) => {
      event.preventDefault();
      const amex = one.dataset.card.length === 15;
      const number = one.textContent.match(/[\\d ]+/)[0].trim();
      const texts = { number, expiry: '12 / 34', cvc: amex ? '1234' : '123' };
      for (const [id, text] of Object.entries(texts)) find(id).value = text;
      if (!find('name').value) find('name').value = 'Test Buyer';
      if (!find('email').value) find('email').value = 'buyer@example.com';
      const way = find('way-card');
      if (way) way.checked = true;
      find('pay').focus();
    });
  }
  const form = document.querySelector('form');
  const pay = find('pay');
  form.addEventListener('submit', () => { pay.disabled = true; });
  window.addEventListener('pageshow', () => { pay.disabled = false; });
})();
"""


def digest(text: str) -> str:
    """As a content security policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
