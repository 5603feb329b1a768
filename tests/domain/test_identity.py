"""Rules about people: what counts as an address or a password, and the names made for a first purchase."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.errors import FIELD_CODES
from services.api.types import AutoNames, Organization, Project, Register
from services.domain import identity

ACME = Organization("1", "Acme", (Project("11", "Default"),))
BORG = Organization("2", "Borg Ltd", ())


# ---- addresses


@pytest.mark.parametrize(
    "email",
    ["ada@example.com", " ada@example.com ", "a@b.co", "john.smith+shop@mail.example.org", "o'brien@example.ie",
     "ünal@bücher.example", "123@example.com", "a_b-c@x-y.example", "a" * 64 + "@example.com",
     "a@" + "b" * 63 + ".example"],
)  # fmt: skip
def test_an_address_that_could_be_somebodys_is_taken(email: str) -> None:
    assert identity.email_problem(email) is None


@pytest.mark.parametrize(
    ("email", "problem"),
    [("", "required"), ("   ", "required"), ("\t\n", "required")]
    + [
        (email, "email_invalid")
        for email in (
            "ada", "ada@", "@example.com", "ada@example", "ada@@example.com", "a@b@example.com", "ada @example.com",
            "ada@exam ple.com", "ada@.com", "ada@example.", "ada@example..com", ".ada@example.com", "ada.@example.com",
            "a..da@example.com", "ada@-example.com", "ada@example.com\nBcc: x@y.example", "<ada@example.com>",
            "Ada <ada@example.com>", "ada@example.com,bob@example.com", 'ad"a@example.com', "ad\\a@example.com",
            "ada\0@example.com",
            "ad\ud800a@example.com", "ada@\udfff.example",
            "ada@exam\0ple.com", "a" * 65 + "@example.com", "ada@" + "b" * 250 + ".com",
        )
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_address_has_a_code(email: str, problem: str) -> None:
    assert identity.email_problem(email) == problem


@given(st.text(max_size=300))
def test_any_text_is_judged_and_the_normal_form_of_a_good_one_is_stable(text: str) -> None:
    problem = identity.email_problem(text)
    assert problem in FIELD_CODES | {None}
    if problem is None:
        email = identity.normalize_email(text)
        assert identity.normalize_email(email) == email
        assert identity.email_problem(email) is None
        assert not any(sign in text.strip() for sign in "\r\n\0 ")


@pytest.mark.parametrize(
    ("typed", "normal"),
    [(" Ada@Example.COM ", "ada@example.com"), ("u\u0308nal@example.com", "\u00fcnal@example.com")],
)
def test_one_address_has_one_form(typed: str, normal: str) -> None:
    assert identity.normalize_email(typed) == normal


# ---- passwords


@pytest.mark.parametrize(
    ("password", "problem"),
    [("", "required"), ("1234567", "password_short"), ("12345678", None), ("        ", None), ("пароль12", None),
     ("x" * 256, None), ("x" * 257, "password_long")],
)  # fmt: skip
def test_length_is_the_only_rule_for_a_password(password: str, problem: str | None) -> None:
    assert identity.password_problem(password) == problem


@pytest.mark.parametrize(
    ("request_", "problems"),
    [
        (Register("ada@example.com", "12345678"), {}),
        (Register("ada@example.com", "12345678", "x" * 120), {}),
        (Register("ada@example.com", "12345678", "x" * 121), {"full_name": "too_long"}),
        (Register("", "", "x" * 121), {"email": "required", "password": "required", "full_name": "too_long"}),
        (Register("ada", "short"), {"email": "email_invalid", "password": "password_short"}),
    ],
)
def test_everything_wrong_with_a_sign_up_is_found_at_once(request_: Register, problems: dict[str, str]) -> None:
    assert identity.registration_problems(request_) == problems
    assert set(problems.values()) <= FIELD_CODES


# ---- names


@pytest.mark.parametrize(
    ("typed", "name"),
    [("john.smith+shop@example.com", "John Smith"), ("ada@example.com", "Ada"), ("  Ada   Lovelace ", "Ada Lovelace"),
     ("grace_hopper-1906@navy.example", "Grace Hopper"), ("mcDonald@example.com", "McDonald"), ("Ada", "Ada"),
     ("123@example.com", "123"), ("1.2@example.com", "1.2"), ("élodie@example.fr", "Élodie"), ("", ""),
     ("@example.com", ""), ("+tag@example.com", ""), ("...@example.com", "..."), ("x" * 200, "x" * 120),
     ("y" * 200 + "@example.com", "Y" + "y" * 119)],
)  # fmt: skip
def test_a_name_is_made_from_what_was_typed(typed: str, name: str) -> None:
    assert identity.name_from(typed) == name


@pytest.mark.parametrize(
    ("typed", "organization"),
    [("ada@example.com", "Ada's Organization"), ("Ada Lovelace", "Ada Lovelace's Organization"),
     ("", "My Organization"), ("@example.com", "My Organization"), ("   ", "My Organization")],
)  # fmt: skip
def test_the_first_purchase_names_organization_and_project(typed: str, organization: str) -> None:
    assert identity.auto_names(typed) == AutoNames(organization, "Default")


@given(st.text(max_size=400))
@example("x" * 400)
@example("x" * 64 + "@example.com")
def test_an_automatic_name_is_never_empty_nor_longer_than_a_name_may_be(typed: str) -> None:
    names = identity.auto_names(typed)
    assert 0 < len(names.organization_name) <= identity.NAME_MAX
    assert len(identity.name_from(typed)) <= identity.NAME_MAX


# ---- which organization pays


@pytest.mark.parametrize(
    ("existing", "wanted", "unused", "chosen", "name"),
    [
        ((), "", "", None, "Ada's Organization"),
        ((), "  Lovelace   Works ", "", None, "Lovelace Works"),
        ((ACME, BORG), "", "", ACME, "Acme"),
        ((ACME, BORG), "   ", "12", ACME, "Acme"),
        ((ACME, BORG), "borg LTD", "", BORG, "Borg Ltd"),
        ((ACME, BORG), "Borg Ltd", "1", BORG, "Borg Ltd"),
        ((ACME, BORG), "Cyberdyne", "2", BORG, "Cyberdyne"),
        ((ACME, BORG), "Cyberdyne", "12", ACME, "Cyberdyne"),
        ((ACME, BORG), "Cyberdyne", "", None, "Cyberdyne"),
        ((ACME,), "Cyberdyne", "9", None, "Cyberdyne"),
    ],
)
def test_who_has_an_organization_keeps_it(
    existing: tuple[Organization, ...], wanted: str, unused: str, chosen: Organization | None, name: str
) -> None:
    choice = identity.choose_organization(existing, wanted, "", "ada@example.com", unused=frozenset(unused))
    assert choice == identity.OrganizationChoice(chosen, name, "Default")


@pytest.mark.parametrize(("typed", "name"), [("", "Default"), ("  ", "Default"), (" Q1   launch ", "Q1 launch")])
@pytest.mark.parametrize("existing", [(), (ACME,)])
def test_a_project_is_called_default_unless_named(typed: str, name: str, existing: tuple[Organization, ...]) -> None:
    assert identity.choose_organization(existing, "", typed, "Ada").project_name == name


# ---- pauses after wrong passwords


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (9, 64), (12, 512), (13, 900), (14, 900), (1000, 900)],
)
def test_wrong_passwords_pause_sign_in_longer_and_longer_but_never_for_ever(failures: int, seconds: int) -> None:
    assert identity.sign_in_pause(failures) == timedelta(seconds=seconds)


@given(st.integers(0, 100_000))
def test_a_pause_never_gets_shorter(failures: int) -> None:
    assert timedelta(0) <= identity.sign_in_pause(failures) <= identity.sign_in_pause(failures + 1)
