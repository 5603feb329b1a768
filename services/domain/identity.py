"""Rules about people: e-mail and password checks, the names made for a first purchase, which organization pays."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from services.api.types import AutoNames, Organization, Register

PASSWORD_MIN, PASSWORD_MAX = 8, 256
NAME_MAX = 120
EMAIL_MAX = 254  # RFC 5321, path limit
DEFAULT_PROJECT = "Default"
SESSION_LIFETIME = timedelta(days=30)
LONGEST_PAUSE = timedelta(seconds=900)

_BAD = r"@\s\x00-\x1f\ud800-\udfff"  # spaces, control characters, halves of characters
_EMAIL = re.compile(rf"[^{_BAD}\"(),:;<>\[\\\]]+@[^{_BAD}.]+(\.[^{_BAD}.]+)+")


def normalize_email(email: str) -> str:
    """Trimmed, NFC, lower case: the form that is unique."""
    return unicodedata.normalize("NFC", email.strip()).lower()


def email_problem(email: str) -> str | None:
    """The field code of what is wrong with an address, or None."""
    text = email.strip()
    if not text:
        return "required"
    local, _, domain = text.rpartition("@")
    bad_dots = local.startswith(".") or local.endswith(".") or ".." in text or domain.startswith("-")
    if len(text) > EMAIL_MAX or len(local) > 64 or bad_dots or not _EMAIL.fullmatch(text):
        return "email_invalid"
    return None


def password_problem(password: str) -> str | None:
    """The field code of what is wrong with a new password, or None. Length is the only rule (NIST SP 800-63B)."""
    if not password:
        return "required"
    if len(password) < PASSWORD_MIN:
        return "password_short"
    return "password_long" if len(password) > PASSWORD_MAX else None


def registration_problems(request: Register) -> dict[str, str]:
    """Field -> code for everything wrong with a sign-up."""
    found = {
        "email": email_problem(request.email),
        "password": password_problem(request.password),
        "full_name": "too_long" if len(request.full_name) > NAME_MAX else None,
    }
    return {field: code for field, code in found.items() if code}


def tidy(name: str) -> str:
    """A typed name as it is kept: single spaces, and one spelling (NFC) of what looks the same."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def name_from(typed: str) -> str:
    """A person's name from what they typed: a name stays, an e-mail gives its local part in words.

    `john.smith+shop@example.com` -> `John Smith`.
    """
    text = tidy(typed)
    if "@" not in text:
        return text[:NAME_MAX]
    local = text.partition("@")[0].partition("+")[0]
    words = [word for word in re.split(r"[._\-]+", local) if word and not word.isdigit()]
    return " ".join(word[:1].upper() + word[1:] for word in words)[:NAME_MAX] or local[:NAME_MAX]


def auto_names(typed: str) -> AutoNames:
    """ "{Name}'s Organization" and "Default" (the rule of automatic provisioning)."""
    ending = "'s Organization"
    name = name_from(typed)[: NAME_MAX - len(ending)]  # what is suggested must be accepted when it comes back
    return AutoNames(name + ending if name else "My Organization", DEFAULT_PROJECT)


@dataclass(frozen=True, slots=True)
class OrganizationChoice:
    """Which organization pays: an existing one (perhaps under a new name) or a new one."""

    organization: Organization | None  # None: make a new one
    name: str
    project_name: str


def choose_organization(
    existing: tuple[Organization, ...], wanted: str, project: str, typed: str, *, unused: frozenset[str] = frozenset()
) -> OrganizationChoice:
    """Who has an organization keeps it. A wanted name picks the one so called, renames one that has bought nothing
    yet (`unused` holds their ids), and only otherwise makes another."""
    name, project_name = tidy(wanted), tidy(project) or DEFAULT_PROJECT
    if not existing:
        return OrganizationChoice(None, name or auto_names(typed).organization_name, project_name)
    if not name:
        return OrganizationChoice(existing[0], existing[0].name, project_name)
    for organization in existing:
        if tidy(organization.name).casefold() == name.casefold():
            return OrganizationChoice(organization, organization.name, project_name)
    for organization in existing:
        if organization.uuid in unused:
            return OrganizationChoice(organization, name, project_name)
    return OrganizationChoice(None, name, project_name)


def sign_in_pause(failures: int) -> timedelta:
    """How long sign-in pauses after so many wrong passwords in a row: 0, 0, 1, 2, 4 .. 900 s, never for ever."""
    return timedelta(0) if failures < 3 else min(LONGEST_PAUSE, timedelta(seconds=2 ** min(failures - 3, 30)))
