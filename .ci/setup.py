"""Make this checkout ready to run: system libraries, .venv, locked packages. Standard library only.

Safe to run every time: a stamp in .venv says what it was made from, and the same again costs nothing.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "souk-setup.txt"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
OLDEST, NEWEST = (3, 11), (3, 13)  # wordllama 0.4 has no wheel for 3.14
OURS = ("app", "ui", "services", "resources")
LEFTOVERS = ("build", "dist", "htmlcov", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache")
STARTED = time.monotonic()

# What the window imports; the rest is compiled when it is first used.
COMPILED = (
    "PySide6 shiboken6 qasync sqlalchemy alembic mako httpx httpcore h11 anyio idna certifi msgspec argon2 cffi "
    "keyring jaraco jeepney secretstorage cryptography platformdirs numpy tokenizers stripe"
).split()

# Shared library -> its package for apt, dnf, pacman: every direct need (readelf -d) of QtCore, Gui, Widgets, Network,
# DBus, Svg and of the offscreen, xcb and wayland platforms that the PySide6 wheel does not carry itself.
LIBRARIES = {
    "libstdc++.so.6": ("libstdc++6", "libstdc++", "gcc-libs"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2", "glib2"),
    "libzstd.so.1": ("libzstd1", "libzstd", "zstd"),
    "libEGL.so.1": ("libegl1", "libglvnd-egl", "libglvnd"),
    "libGL.so.1": ("libgl1", "libglvnd-glx", "libglvnd"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype", "freetype2"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs", "dbus"),
    "libgssapi_krb5.so.2": ("libgssapi-krb5-2", "krb5-libs", "krb5"),
    "libbrotlidec.so.1": ("libbrotli1", "libbrotli", "brotli"),
    "libX11.so.6": ("libx11-6", "libX11", "libx11"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb", "libx11"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    "libxcb.so.1": ("libxcb1", "libxcb", "libxcb"),
    "libxcb-glx.so.0": ("libxcb-glx0", "libxcb", "libxcb"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb", "libxcb"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb", "libxcb"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb", "libxcb"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util", "xcb-util"),
    "libwayland-client.so.0": ("libwayland-client0", "libwayland-client", "wayland"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor", "wayland"),
}
MANAGERS = {
    "apt-get": "apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}",
    "dnf": "dnf install -y {packages}",
    "pacman": "pacman -S --needed {packages}",
}


def say(text: str) -> None:
    print(f"setup {time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def stop(text: str) -> NoReturn:
    print(f"setup stopped: {text}", file=sys.stderr, flush=True)
    sys.exit(1)


def place() -> str:
    """A virtual environment does not survive a move, so the stamp remembers where it was made."""
    return hashlib.sha256(str(ROOT).encode()).hexdigest()


def expected_stamp() -> str:
    """Changes with the packages, the project file, this file, the place of the checkout and its Python."""
    digest = hashlib.sha256()
    for path in (ROOT / "requirements.lock", ROOT / "pyproject.toml", VENV / "pyvenv.cfg", Path(__file__)):
        digest.update(path.read_bytes())
    return f"{place()} {digest.hexdigest()}"


def is_ready() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == expected_stamp()


def use_fitting_python() -> None:
    """Continue under another Python from PATH when this one is too old (macOS ships 3.9) or too new for the wheels."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            sys.exit(subprocess.run([found, *sys.argv], check=False).returncode)
    if sys.version_info < OLDEST:
        stop("Souk needs Python 3.11, 3.12 or 3.13; this is {}.{}.".format(*sys.version_info[:2]))
    say("this Python is newer than some ready-made packages: they are built here, which needs a C compiler")


def elevation() -> list[str] | None:
    """What to put before a command that needs root; None when we may not be root without a password."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def apt_install(prefix: list[str], packages: list[str]) -> bool:
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    # Package lists may be absent or old, so a first failure is answered by fetching them.
    return any(
        all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands)
        for commands in ([install], [[*apt, "update"], install])
    )


def install_packages(what: str, columns: list[tuple[str, ...]]) -> None:
    """`columns` are rows of package names for apt, dnf and pacman. Installs by apt where allowed, else says how."""
    manager = next((name for name in MANAGERS if shutil.which(name)), None)
    if manager is None:
        stop(f"{what} missing, and no package manager known here to install from.")
    packages = sorted({row[list(MANAGERS).index(manager)] for row in columns})
    prefix = elevation() if manager == "apt-get" else None
    if prefix is not None:
        say(f"{what} missing: installing {len(packages)} system packages")
        if apt_install(prefix, packages):
            return
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    command = sudo + MANAGERS[manager].format(sudo=sudo, packages=" ".join(packages))
    stop(f"{what} missing. Install with\n\n    {command}\n\nand run this again.")


def missing_libraries() -> list[str]:
    def loads(name: str) -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return [name for name in LIBRARIES if not loads(name)]


def ensure_system_libraries() -> None:
    if not sys.platform.startswith("linux"):
        return
    missing = missing_libraries()
    if missing:
        install_packages(f"shared libraries of Qt ({', '.join(missing)})", [LIBRARIES[name] for name in missing])
        say("system libraries installed")


def ensure_venv() -> None:
    moved = STAMP.exists() and not STAMP.read_text().startswith(place())
    if PYTHON.exists() and not moved:
        return
    if importlib.util.find_spec("ensurepip") is None:  # Debian and Ubuntu split it off
        names = (f"python3.{sys.version_info[1]}-venv", "python3", "python")
        install_packages("Python's venv module", [names])
    say(f"making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
    if made.returncode != 0:
        stop("the virtual environment could not be made.")


def pip(*arguments: str) -> int:
    """Run pip quietly; on failure show its last lines. Returns how many packages it brought."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-compile"]
    tail: deque[str] = deque(maxlen=25)
    fetched: set[str] = set()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--progress-bar", "off", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe, said three lines above
    for line in process.stdout:
        tail.append(re.sub(r"https?://\S+", "<address>", line))
        if line.startswith("Collecting "):
            fetched.add(line.split()[1])
            if sys.stdout.isatty():
                print(f"\rsetup {time.monotonic() - STARTED:6.1f} s  package {len(fetched)} ", end="", flush=True)
    if fetched and sys.stdout.isatty():
        print("\r", end="")
    if process.wait() != 0:
        stop("packages could not be installed.\n" + "".join(tail))
    return len(fetched)


def install_everything() -> None:
    say("installing the packages of requirements.lock (the first time about 250 MB)")
    count = pip("--require-hashes", "-r", "requirements.lock")
    say(f"{count} packages installed" if count else "packages were there already")
    # compat: a plain path entry; the default import hook costs every start some milliseconds
    pip("--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", "-e", ".")
    compile_modules()
    say("souk installed")


def compile_modules() -> None:
    """Byte-compile what the first start needs, on all cores."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([str(PYTHON), "-c", ask], capture_output=True, text=True, check=True)
    folders = [Path(answer.stdout.strip()) / name for name in COMPILED] + [ROOT / name for name in OURS]
    there = [str(folder) for folder in folders if folder.exists()]
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", "-j", "0", *there], stdout=subprocess.DEVNULL, check=False)


def clean() -> None:
    for name in LEFTOVERS:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for top in (*OURS, "tests", ".ci"):
        for folder in (ROOT / top).rglob("__pycache__"):
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    if sys.argv[1:] == ["--clean"]:
        return clean()
    if is_ready():
        return None
    use_fitting_python()
    say("preparing this checkout")
    ensure_system_libraries()
    ensure_venv()
    install_everything()
    STAMP.write_text(expected_stamp())
    return say("ready")


if __name__ == "__main__":
    main()
