"""Start the frozen app without a display, buy an agent in it, and accept no unexpected word on stderr."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 180
TRIES = 3

# Lines on stderr that are not ours to silence. Each with its reason; nothing so far.
EXPECTED: tuple[re.Pattern[str], ...] = ()


def environment(home: Path) -> dict[str, str]:
    """As on a machine that never saw this checkout: no venv, no Python settings, an empty home."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "SYSTEMROOT", "TEMP"}}
    homes = dict.fromkeys(("HOME", "APPDATA", "LOCALAPPDATA"), str(home))
    # Qt complains about a locale that is not UTF-8. Python mends that by itself (PEP 538), a frozen one does not.
    return {**kept, **homes, "LC_ALL": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen"}


def run(program: Path, home: Path, *arguments: str, accepted: tuple[int, ...] = ()) -> str:
    started = time.monotonic()
    answer = subprocess.run(
        [str(program), *arguments],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    noise = [line for line in answer.stderr.splitlines() if not any(known.search(line) for known in EXPECTED)]
    if answer.returncode not in (0, *accepted) or noise:
        print(answer.stdout, *noise, sep="\n")
        sys.exit(f"smoke: souk {' '.join(arguments)} ended with {answer.returncode} and {len(noise)} lines on stderr")
    print(f"smoke: souk {arguments[0]} in {time.monotonic() - started:.1f} s")
    return answer.stdout


def check_version(program: Path, home: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if version not in run(program, home, "--version"):
        sys.exit(f"smoke: souk --version does not say {version}")


def check_payments(program: Path, home: Path) -> None:
    """The twin and the clients that talk to it are all in the build: their parts are imported by name."""
    report = json.loads(run(program, home, "doctor", "payments", "--json", "--data", str(home / "payments")))
    if not report["is_well"] or not report["is_test_mode"]:
        sys.exit("smoke: the payment providers of test mode are not well:\n" + json.dumps(report, indent=2))


def check_journey(program: Path, home: Path) -> None:
    pictures, data = home / "pictures", home / "data"
    pictures.mkdir()
    data.mkdir()
    report: dict[str, object] = {}
    for attempt in range(TRIES):  # its budget of our own waits is measured, and this machine may be busy
        folder = str(data / str(attempt))
        arguments = ("journey", "--json", "--out", str(pictures), "--data", folder)
        report = json.loads(run(program, home, *arguments, accepted=(1,)))
        if report.get("ok") is True:
            return
    sys.exit("smoke: the journey did not reach its end:\n" + json.dumps(report, indent=2))


def main() -> None:
    folder = (ROOT / (sys.argv[1] if len(sys.argv) > 1 else "dist/souk")).resolve()
    program = folder / ("souk.exe" if os.name == "nt" else "souk")
    with tempfile.TemporaryDirectory(prefix="souk-smoke-", ignore_cleanup_errors=True) as home:
        check_version(program, Path(home))
        check_payments(program, Path(home))
        check_journey(program, Path(home))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"smoke: good; the build has {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
