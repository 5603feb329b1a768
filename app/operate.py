"""The operator's part of the command line; what the commands do is imported when one is given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NAMES = frozenset({"ledger", "due", "staff", "codes", "invoices"})
ABOUT_PAYMENTS = frozenset({"keys", "doctor"})  # these open no database


def add_parsers(commands: Any) -> None:  # Any: argparse's own action of sub-parsers
    """The operator's part of the command line."""
    books = _command(commands, "ledger", "check the books, or print the balance of each account")
    books.add_argument("what", choices=["verify", "balance"])
    _command(commands, "due", "do what time owes now (renewals, invoices, expiries) and print it")
    staff = _command(commands, "staff", "say who answers quotes and does support")
    staff.add_argument("what", choices=["list", "add", "remove"])
    staff.add_argument("email", nargs="?", default="")
    codes = _command(commands, "codes", "coupons and credit codes")
    codes.add_argument("what", choices=["list", "add"])
    codes.add_argument("code", nargs="?", default="")
    codes.add_argument("--percent", help="a coupon: percent off, e.g. 12.5")
    codes.add_argument("--off", help="a coupon: a fixed amount off, e.g. 10")
    codes.add_argument("--months", type=int, help="how many months a coupon lasts; default once, 0 for ever")
    codes.add_argument("--credit", help="a credit code: promotional credit, e.g. 25")
    codes.add_argument("--valid-days", type=int, help="how long the credit lives after redeeming")
    codes.add_argument("--max", type=int, dest="max_total", help="how often in all; default no limit")
    codes.add_argument("--ends", help="the last day it works, e.g. 2027-01-31")
    papers = _command(commands, "invoices", "list open invoices, void one that was a mistake, or give one up")
    papers.add_argument("what", choices=["list", "void", "write-off"])
    papers.add_argument("number", nargs="?", default="", help="e.g. SK-2026-000001")
    keys = _folder_only(commands, "keys", "the keys of the payment providers, kept in this system's keyring")
    keys.add_argument("what", choices=["show", "set", "remove"])
    keys.add_argument("key", nargs="?", choices=["stripe", "paypal", "webhook"], help="which one is set or removed")
    doctor = _folder_only(commands, "doctor", "look whether what Souk depends on works, and say what to do")
    doctor.add_argument("what", nargs="?", choices=["payments"], default="payments")


def _folder_only(commands: Any, name: str, text: str) -> argparse.ArgumentParser:  # Any: as above
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="keep everything in DIR")
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser = _folder_only(commands, name, text)
    parser.add_argument("--database", default=None, metavar="URL", help="a PostgreSQL database instead of a file")
    return parser
