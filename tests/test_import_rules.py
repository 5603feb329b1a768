"""Each import contract is seen to fail: one violation in a skeleton of the tree, under the real configuration."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]

MODULES = (
    "app/compose.py ui/shell.py ui/bridge.py ui/theme.py ui/prefs.py ui/text.py ui/viewmodels/wallet.py "
    "ui/pages/wallet.py ui/pages/chat.py ui/widgets/cards.py services/api/types.py services/domain/billing.py "
    "services/db/models.py services/gateways/payments.py services/embedded/wallet.py services/remote.py "
    "services/wire.py services/http/server.py services/twin/server.py resources/__init__.py"
).split()

# contract -> (the module that does wrong, what it imports)
VIOLATIONS = {
    "app builds ui and services; nothing imports app": ("ui/shell.py", "app.compose"),
    "the UI knows only services.api": ("ui/viewmodels/wallet.py", "services.domain.billing"),
    "inside services": ("services/domain/billing.py", "services.db.models"),
    "the wire is only wire": ("services/http/server.py", "services.gateways.payments"),
    "inside ui": ("ui/widgets/cards.py", "ui.viewmodels.wallet"),
    "rules are pure": ("services/domain/billing.py", "asyncio"),
    "no Qt in services": ("services/embedded/wallet.py", "PySide6"),
    "ORM stays in db and embedded": ("services/gateways/payments.py", "sqlalchemy"),
    "payment SDK stays in its gateway": ("services/embedded/wallet.py", "stripe"),
    "pages do not know each other": ("ui/pages/wallet.py", "ui.pages.chat"),
}


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    for name in MODULES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        (path.parent / "__init__.py").touch()
    for top in ("app", "ui", "services", "resources"):
        (tmp_path / top / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(folder: Path) -> dict[str, str]:
    """What lint-imports says of each contract."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = dict(re.findall(r"^(.+) (KEPT|BROKEN)", answer.stdout, re.MULTILINE))
    assert found, answer.stdout + answer.stderr
    return found


def test_the_skeleton_itself_keeps_every_contract(skeleton: Path) -> None:
    assert verdicts(skeleton) == {contract["name"]: "KEPT" for contract in CONTRACTS}


def test_every_contract_has_its_violation() -> None:
    assert set(VIOLATIONS) == {contract["name"] for contract in CONTRACTS}


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_violation_is_caught(contract: str, skeleton: Path) -> None:
    module, imported = VIOLATIONS[contract]
    (skeleton / module).write_text(f"import {imported}\n")
    assert verdicts(skeleton)[contract] == "BROKEN"


@pytest.mark.parametrize("stray", ["services/utils.py", "ui/helpers.py"])
def test_module_without_a_place_is_caught(stray: str, skeleton: Path) -> None:
    (skeleton / stray).write_text("")
    assert "BROKEN" in verdicts(skeleton).values()
