"""Where the shipped files lie on disk, in a checkout, in an installed package and in the frozen app alike.

Reads the package's own search path: what importlib.resources returns for a package on disk, without the 12 ms
its import costs before the first frame.
"""

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__path__[0])


def path(*parts: str) -> Path:
    """The file or folder below resources/, for callers that need a real path (fonts, databases)."""
    return _ROOT.joinpath(*parts)


def read_text(*parts: str) -> str:
    return path(*parts).read_text(encoding="utf-8")


def read_json(*parts: str) -> Any:  # Any: what JSON holds is the caller's to check
    return json.loads(read_text(*parts))
