"""VAT numbers by format and check digit. Hides how each country writes and computes its own.

Checked to the last digit: AT BE BG CH CY CZ DE DK EE EL (Greece) ES FI FR GB HR HU IE IT LT LU LV MT NL NO PL PT RO SE
SI SK. By format only, because there is no check digit: GB government and health numbers (GD, HA), Czech
9-digit and Latvian personal numbers. Countries that are not listed are taken as they are (4 to 20 letters and
digits): such a number is printed, it never changes a tax.
A number that passes may still not exist; only the authority's register knows that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OK, BAD_FORMAT, BAD_CHECKSUM, OTHER_COUNTRY = "ok", "vat_format", "vat_checksum", "vat_country"

_SEPARATORS = re.compile(r"[\s.,/\-\u2010-\u2015\u2212]+")
_UNKNOWN_COUNTRY = re.compile(r"[A-Z0-9]{4,20}")


@dataclass(frozen=True, slots=True)
class CheckedVat:
    """`number` is the normal form with its prefix; `code`: ok | vat_format | vat_checksum | vat_country."""

    number: str
    code: str


def normalize_vat(text: str) -> str:
    """Upper case, full-width characters made plain, without spaces, dots, commas, slashes and dashes."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def check_vat(text: str, country: str) -> CheckedVat:
    """Is `text` a VAT number of `country` (ISO 3166; Greece is GR and writes EL)? The prefix may be missing."""
    number = normalize_vat(text)
    rule = _RULES.get(country)
    if rule is None:
        return CheckedVat(number, OK if _UNKNOWN_COUNTRY.fullmatch(number) else BAD_FORMAT)
    pattern, holds = rule
    prefixes = _PREFIXES.get(country, (country,))
    for prefix in (*prefixes, ""):
        body = number.removeprefix(prefix)
        if number.startswith(prefix) and re.fullmatch(pattern, body, re.ASCII):
            written = prefix if prefix and prefix != country else prefixes[0]
            return CheckedVat(written + body, OK if holds(body) else BAD_CHECKSUM)
    is_foreign = number[:2] in _KNOWN_PREFIXES and number[:2] not in {prefix[:2] for prefix in prefixes}
    return CheckedVat(number, OTHER_COUNTRY if is_foreign else BAD_FORMAT)


# ---- arithmetic the countries share


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    """Every second digit from the right doubled and its digits added; the sum ends in 0."""
    doubled = [sum(divmod(int(digit) * 2, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _mod_11_10(digits: str) -> bool:
    """ISO 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (product + int(digits[-1])) % 10 == 1


def _mod_97(text: str) -> bool:
    """ISO 7064, MOD 97-10, letters as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97 == 1


def _divides(weights: Sequence[int], modulus: int) -> Callable[[str], bool]:
    return lambda digits: _weighted(digits, weights) % modulus == 0


# ---- one rule a country


def _austria(body: str) -> bool:
    odd, even = body[1:8:2], body[2:8:2]
    total = sum(int(digit) for digit in odd) + sum(sum(divmod(int(digit) * 2, 10)) for digit in even)
    return (6 - total) % 10 == int(body[8])


def _belgium(body: str) -> bool:
    digits = body.zfill(10)
    return 97 - int(digits[:8]) % 97 == int(digits[8:])


def _bulgaria(body: str) -> bool:
    if len(body) == 9:
        check = _weighted(body, range(1, 9)) % 11
        if check == 10:
            check = _weighted(body[:8], range(3, 11)) % 11
        return check % 10 == int(body[8])
    # Ten digits: a citizen, a foreigner, or somebody else; nothing in the number says which.
    citizen = _weighted(body[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    foreigner = _weighted(body[:9], (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10
    other = (11 - _weighted(body[:9], (4, 3, 2, 7, 6, 5, 4, 3, 2))) % 11
    return int(body[9]) in (citizen, foreigner, other)


def _switzerland(body: str) -> bool:
    return (11 - _weighted(body[:8], (5, 4, 3, 2, 7, 6, 5, 4))) % 11 == int(body[8])


def _cyprus(body: str) -> bool:
    table = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
    total = sum(table[int(digit)] for digit in body[0:8:2]) + sum(int(digit) for digit in body[1:8:2])
    return not body.startswith("12") and chr(ord("A") + total % 26) == body[8]


def _czechia(body: str) -> bool:
    if len(body) == 9:
        return True
    if len(body) == 10:
        return int(body[:9]) % 11 % 10 == int(body[9])
    check = (11 - _weighted(body[:7], range(8, 1, -1))) % 11
    return (check or 1) % 10 == int(body[7])


def _greece(body: str) -> bool:
    return _weighted(body, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(body[8])


def _spain(body: str) -> bool:
    if body[0] in "KLM":
        return body[8] == _spanish_letter(body[1:8])
    if body[0].isdigit() or body[0] in "XYZ":
        return body[8] == _spanish_letter(body[:8].translate(str.maketrans("XYZ", "012")))
    check = next(digit for digit in "0123456789" if _luhn(body[1:8] + digit))
    return body[8] in (check, "JABCDEFGHI"[int(check)])  # a digit or a letter, by the kind of company


def _spanish_letter(digits: str) -> str:
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


def _france(body: str) -> bool:
    key, siren = body[:2], body[2:]
    if not siren.startswith("000") and not _luhn(siren):  # 000: Monaco, which has no register number
        return False
    if key.isdigit():
        return int(siren + "12") % 97 == int(key)
    alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    first, second = alphabet.index(key[0]), alphabet.index(key[1])
    check = first * 24 + second - 10 if key[0].isdigit() else first * 34 + second - 100
    return (int(siren) + 1 + check // 11) % 11 == check % 11


def _britain(body: str) -> bool:
    if not body.isdigit():
        return True
    # Two series: the older leaves 0, the one since 2010 leaves 42 (97 - 55).
    return (_weighted(body, (8, 7, 6, 5, 4, 3, 2)) + int(body[7:9])) % 97 in (0, 42)


def _ireland(body: str) -> bool:
    letters = "WABCDEFGHIJKLMNOPQRSTUV"
    if not body[1].isdigit():  # the form before 2013: its second character is a letter or a sign
        body = "0" + body[2:7] + body[0] + body[7]
    total = _weighted(body[:7], range(8, 1, -1))
    if len(body) == 9:
        total += 9 * letters.index(body[8])
    return letters[total % 23] == body[7]


def _lithuania(body: str) -> bool:
    length = len(body) - 1
    check = _weighted(body[:length], [1 + i % 9 for i in range(length)]) % 11
    if check == 10:
        check = _weighted(body[:length], [1 + (i + 2) % 9 for i in range(length)]) % 11
    return check % 10 == int(body[length])


def _luxembourg(body: str) -> bool:
    return int(body[:6]) % 89 == int(body[6:])


def _latvia(body: str) -> bool:
    is_person = body[0] in "0123"
    return is_person or _weighted(body, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3


def _netherlands(body: str) -> bool:
    # Since 2020 sole traders have a number that hides their citizen number; it satisfies MOD 97-10 instead.
    return _weighted(body, range(9, 1, -1)) % 11 == int(body[8]) or _mod_97("NL" + body)


def _norway(body: str) -> bool:
    return (11 - _weighted(body[:8], (3, 2, 7, 6, 5, 4, 3, 2))) % 11 == int(body[8])


def _poland(body: str) -> bool:
    return _weighted(body, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(body[9])


def _portugal(body: str) -> bool:
    return (11 - _weighted(body[:8], range(9, 1, -1))) % 11 % 10 == int(body[8])


def _romania(body: str) -> bool:
    digits = body.zfill(10)
    return 10 * _weighted(digits[:9], (7, 5, 3, 2, 1, 7, 5, 3, 2)) % 11 % 10 == int(digits[9])


def _slovenia(body: str) -> bool:
    check = 11 - _weighted(body[:7], range(8, 1, -1)) % 11
    return check != 11 and check % 10 == int(body[7])


def _sweden(body: str) -> bool:
    return _luhn(body[:10])


_RULES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "AT": (r"U\d{8}", _austria),
    "BE": (r"[01]?\d{9}", _belgium),
    "BG": (r"\d{9,10}", _bulgaria),
    "CH": (r"\d{9}(MWST|TVA|IVA|TPV)?", _switzerland),
    "CY": (r"\d{8}[A-Z]", _cyprus),
    "CZ": (r"[0-8]\d{7}|\d{9,10}", _czechia),
    "DE": (r"[1-9]\d{8}", _mod_11_10),
    "DK": (r"[1-9]\d{7}", _divides((2, 7, 6, 5, 4, 3, 2, 1), 11)),
    "EE": (r"\d{9}", _divides((3, 7, 1, 3, 7, 1, 3, 7, 1), 10)),
    "ES": (r"[A-HJ-NP-SUVW]\d{7}[0-9A-J]|[\dKLMXYZ]\d{7}[A-Z]", _spain),
    "FI": (r"\d{8}", _divides((7, 9, 10, 5, 8, 4, 2, 1), 11)),
    "FR": (r"[0-9A-HJ-NP-Z]{2}\d{9}", _france),
    "GB": (r"\d{9}(\d{3})?|GD[0-4]\d\d|HA[5-9]\d\d", _britain),
    "GR": (r"\d{9}", _greece),
    "HR": (r"\d{11}", _mod_11_10),
    "HU": (r"\d{8}", _divides((9, 7, 3, 1, 9, 7, 3, 1), 10)),
    "IE": (r"\d[0-9A-Z+*]\d{5}[A-W]|\d{7}[A-W]{2}", _ireland),
    "IT": (r"(?!0{7})\d{11}", _luhn),
    "LT": (r"\d{7}1\d|\d{10}1\d", _lithuania),
    "LU": (r"\d{8}", _luxembourg),
    "LV": (r"\d{11}", _latvia),
    "MT": (r"[1-9]\d{7}", _divides((3, 4, 6, 7, 8, 9, 10, 1), 37)),
    "NL": (r"\d{9}B(?!00)\d\d", _netherlands),
    "NO": (r"\d{9}(MVA)?", _norway),
    "PL": (r"\d{10}", _poland),
    "PT": (r"[1-9]\d{8}", _portugal),
    "RO": (r"[1-9]\d{1,9}", _romania),
    "SE": (r"\d{10}01", _sweden),
    "SI": (r"[1-9]\d{7}", _slovenia),
    "SK": (r"\d{10}", lambda body: int(body) % 11 == 0),
}
# How countries write themselves; the first is the normal form. Northern Ireland writes XI.
_PREFIXES: dict[str, tuple[str, ...]] = {"GR": ("EL", "GR"), "GB": ("GB", "XI"), "CH": ("CHE",)}
_KNOWN_PREFIXES = frozenset(_RULES) | {"EL", "XI"}
