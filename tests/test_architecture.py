"""The promises of the tree that no type checker sees: import rules, sizes, time and chance, what may not be written."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("app", "ui", "services", "resources")
FILE_LINES, MODELS_LINES, FUNCTION_LINES = 500, 800, 60
GENERATED = ROOT / "services/db/migrations/versions"  # by alembic: one list of columns, read and not designed

# Words that would tie the project to one machine. Assembled, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.~}])(/(?:home|Users|root|work)/\w|[A-Z]:\\+Users\\)")
SECRET = re.compile(r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{8}")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".json", ".qss", ".html", ".js", ".css", ".ts", ".spec", ".txt", ".svg", ".sql"}


def python_files(*tops: str) -> list[Path]:
    return sorted(path for top in tops for path in (ROOT / top).rglob("*.py") if "__pycache__" not in path.parts)


def written_files() -> list[Path]:
    return [path for path in python_files(*SOURCES, "tests") if GENERATED not in path.parents]


def text_files() -> Iterator[tuple[Path, str]]:
    """Every text file of the project: the loose ones at the top and all below its folders."""
    tops = [ROOT / top for top in (*SOURCES, "tests", "docs", "newsfragments", ".ci")]
    paths = [path for path in ROOT.iterdir() if path.is_file()] + [path for top in tops for path in top.rglob("*")]
    for path in paths:
        named = path.suffix in TEXT_SUFFIXES or path.name in {"Makefile", "run", "requirements.lock"}
        if path.is_file() and named and "__pycache__" not in path.parts:
            yield path, path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_import_contracts_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_files_stay_small() -> None:
    def allowed(path: Path) -> int:
        return MODELS_LINES if path == ROOT / "services/db/models.py" else FILE_LINES

    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in written_files()}
    assert [where(path, count) for path, count in lengths.items() if count > allowed(path)] == []


def test_functions_stay_small() -> None:
    def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        return (node.end_lineno or node.lineno) - node.lineno + 1

    assert [
        f"{where(path, node.lineno)} {node.name} has {length(node)} lines"
        for path in written_files()
        for node in functions(parsed(path))
        if length(node) > FUNCTION_LINES
    ] == []


def hidden_imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for function in functions(parsed(path)):
        for node in ast.walk(function):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Import | ast.ImportFrom) and any(name.split(".")[0] in SOURCES for name in names):
                yield node


def test_own_imports_in_functions_give_their_reason() -> None:
    """The cold start needs a few lazy imports; each one says why, as `# lazy: reason` on its first line."""
    found = []
    for path in python_files("app", "ui", "services"):
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [
            where(path, node.lineno)
            for node in hidden_imports(path)
            if not re.search(r"# lazy: \w", lines[node.lineno - 1])
        ]
    assert found == []


def uses_time_or_chance(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "random" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return node.module == "random" or (node.module == "time" and bool(names & {"time", "time_ns"}))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = ast.unparse(node.func.value).split(".")[-1]
        return (owner, node.func.attr) in {
            ("datetime", "now"),
            ("datetime", "utcnow"),
            ("datetime", "today"),
            ("date", "today"),
            ("time", "time"),
            ("time", "time_ns"),
        }
    return False


def test_time_and_chance_are_arguments() -> None:
    """Only clock.py asks the system for the time; app/ chooses the clock and the seed."""
    assert [
        where(path, getattr(node, "lineno", 0))
        for path in python_files("ui", "services")
        if path.name != "clock.py"
        for node in ast.walk(parsed(path))
        if uses_time_or_chance(node)
    ] == []


@pytest.mark.parametrize("pattern", [SECRET, MACHINE_PATH], ids=["secret", "machine path"])
def test_nothing_private_is_written_down(pattern: re.Pattern[str]) -> None:
    assert [
        f"{where(path, number)} {match[0]}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := pattern.search(line))
    ] == []


def test_the_lock_names_no_registry_and_has_a_hash_for_all() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"\w+://\S+|^--\w.*|@ file.*", text, re.MULTILINE) == []
    packages = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert [entry.split()[0] for entry in packages if "--hash=sha256:" not in entry] == []
