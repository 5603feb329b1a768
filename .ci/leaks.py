"""Look for providers' keys where none may lie: tracked files, the wheel, the frozen program, and what tests printed.

Archives are opened: a wheel is a zip, and the frozen program keeps its modules compressed.
"""

import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET = re.compile(rb"(?<![A-Za-z0-9_])(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{8})")


def tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return (ROOT / name for name in listed.decode().split("\0") if name)


def named(arguments: list[str]) -> Iterator[Path]:
    for argument in arguments:
        path = Path(argument)
        if not path.exists():
            sys.exit(f"secrets: there is no {argument}")
        yield from (found for found in (path.rglob("*") if path.is_dir() else [path]) if found.is_file())


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file says, and what lies inside it."""
    whole = path.read_bytes()
    yield str(path), whole
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from ((f"{path}!{name}", archive.read(name)) for name in archive.namelist())
    elif path.stem == "souk" and path.suffix in {"", ".exe"} and path.parent.name == "souk":
        yield from ((f"{path}!{start}", content) for start, content in compressed(whole))


def compressed(whole: bytes) -> Iterator[tuple[int, bytes]]:
    """Every zlib stream of a frozen program: its modules, whose texts stand in their code in the clear."""
    for start in (match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", whole)):
        try:
            yield start, zlib.decompressobj().decompress(memoryview(whole)[start:])
        except zlib.error:
            continue


def main(arguments: list[str]) -> None:
    """Without arguments the tracked files are looked at, else what is named; the find is told without the secret."""
    looked, found = 0, []
    for path in named(arguments) if arguments else tracked():
        if not path.is_file():  # deleted, and not committed yet
            continue
        for name, content in contents(path):
            looked += 1
            found += [f"{name}: {match.group()[:8].decode()}..." for match in SECRET.finditer(content)]
    if not looked:
        sys.exit("secrets: there was nothing to look at")
    if found:
        sys.exit("secrets found:\n" + "\n".join(found))
    print(f"none in {looked} files and parts of files")


if __name__ == "__main__":
    main(sys.argv[1:])
