"""The documentation says what the program does: every error code with its status and the sentence people see.

`python -m tests.test_docs` writes docs/errors.md anew.
"""

import tomllib
from pathlib import Path

from app.version import VERSION
from services.api import errors
from ui.text import error_text, field_text

ERRORS_PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

# Where a code is met first; the rest of the row comes from the program itself.
WHO: dict[str, str] = {
    "service_error": "everybody, last resort",
    "invalid_input": "beside the fields",
    "not_found": "everybody",
    "not_signed_in": "guests",
    "bad_credentials": "sign-in",
    "session_expired": "everybody",
    "too_many_tries": "sign-in",
    "conflict": "everybody",
    "email_taken": "sign-up",
    "key_reused": "checkout, API",
    "request_in_progress": "checkout, chat, API",
    "wrong_state": "agents, orders",
    "sum_moved": "changes of a plan, quotes",
    "not_in_test_mode": "time bar, API",
    "payment_failed": "checkout",
    "card_declined": "checkout",
    "insufficient_funds": "checkout",
    "confirmation_declined": "checkout",
    "payment_not_completed": "checkout after a crash",
    "payment_expired": "checkout, payments on a page",
    "payment_canceled": "checkout, payments on a page",
    "debit_failed": "orders, subscriptions",
    "confirmation_needed": "subscriptions, automatic top-up",
    "payment_profile_needed": "subscriptions, API",
    "insufficient_credit": "chat, API",
    "subscription_suspended": "chat, API",
    "limit_reached": "chat, API",
    "payment_unknown": "checkout",
    "provider_rejected": "checkout, operators",
    "event_rejected": "providers' webhooks",
    "offline": "everybody",
    "agent_unavailable": "chat",
    "storage_error": "everybody",
    "disk_full": "everybody",
    "database_busy": "everybody",
    "database_too_new": "at start",
    "database_corrupt": "at start",
    "ledger_broken": "everybody, operators",
    "read_only": "after a rescue",
}
# Codes that are not a ServiceError: where the program ends or the server refuses before any service is asked.
OUTSIDE = (
    ("port_in_use", "exit 2", "operators", "`souk serve`: another program listens there; choose another `--port`."),
    ("bad_settings", "exit 2", "operators", "souk.toml or a SOUK_ variable cannot be understood; the text says which."),
    ("internal_error", "500", "API", "A bug. The answer carries a trace id that is also in the log; nothing else."),
    ("method_not_allowed", "405", "API", "The address exists, but not with this method."),
)


def error_rows() -> list[str]:
    rows = []
    for code, kind in errors.all_errors().items():
        text = error_text(kind())
        again = "yes" if kind.retryable else ""
        rows.append(f"| `{code}` | {kind.http_status} | {WHO[code]} | {text.title}. {text.detail} | {again} |")
    return rows


def field_rows() -> list[str]:
    return [f"| `{code}` | {field_text('field', code)} |" for code in sorted(errors.FIELD_CODES)]


def page() -> str:
    outside = [f"| `{code}` | {status} | {who} | {text} | |" for code, status, who, text in OUTSIDE]
    return "\n".join(
        [
            "# Errors",
            "",
            "Every expected failure has a code. Below `ui/text` there are only codes and parameters; the sentences",
            "are made in `ui/text/problems.py`. Over HTTP: `{code, detail, params, fields: {name: [messages]}}`.",
            "This page is kept complete by `tests/test_docs.py`.",
            "",
            "| code | HTTP | who meets it | what it says | worth repeating |",
            "|---|---|---|---|---|",
            *error_rows(),
            *outside,
            "",
            "## Beside a field",
            "",
            "| code | what it says |",
            "|---|---|",
            *field_rows(),
            "",
        ]
    )


def test_the_errors_page_lists_every_code_with_its_status_and_sentence() -> None:
    assert ERRORS_PAGE.read_text("utf-8") == page()


def test_the_program_and_its_project_file_agree_on_the_version() -> None:
    project = tomllib.loads((ERRORS_PAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION


def test_every_error_code_says_who_meets_it() -> None:
    assert set(WHO) == set(errors.all_errors())


if __name__ == "__main__":
    ERRORS_PAGE.write_text(page(), "utf-8")
