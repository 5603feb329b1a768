"""The design decisions as values: which colour, size, weight and duration a role has in each theme."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import resources


@dataclass(frozen=True, slots=True)
class TypeStyle:
    """One row of the type scale, in px at 100 % text."""

    px: int
    line: int
    weight: int
    spacing: float = 0.0
    is_mono: bool = False


@dataclass(frozen=True, slots=True)
class Brand:
    """A payment brand's own colours and short mark: the same in both themes."""

    fill: str
    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Shadow:
    y: int
    blur: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """The design decisions of one theme, by role."""

    name: str
    color: Mapping[str, str]
    type: Mapping[str, TypeStyle]
    space: Mapping[str, int]
    radius: Mapping[str, int]
    size: Mapping[str, int]
    motion: Mapping[str, int]
    brand: Mapping[str, Brand]
    shadow: Mapping[str, Shadow]
    family: str
    mono: str


def _load(name: str, raw: dict[str, Any]) -> Tokens:  # Any: JSON, checked by building the values below
    styles = {
        kind: TypeStyle(
            row["px"], row["lh"], min(row["w"] // 100 * 100, 700), row.get("ls", 0.0), row.get("mono", False)
        )
        for kind, row in raw["type"].items()
    }
    motion = {key: value for key, value in raw["motion"].items() if isinstance(value, int)}
    brands = {key: Brand(**row) for key, row in raw["brand"].items()}
    shadows = {level: Shadow(row["y"], row["blur"], row["a"]) for level, row in raw["shadow"][name].items()}
    frozen = MappingProxyType
    return Tokens(
        name,
        color=frozen(raw["color"][name]),
        type=frozen(styles),
        space=frozen(raw["space"]),
        radius=frozen(raw["radius"]),
        size=frozen(raw["size"]),
        motion=frozen(motion),
        brand=frozen(brands),
        shadow=frozen(shadows),
        family=raw["font"]["family"],
        mono=raw["font"]["mono"],
    )


_RAW = resources.read_json("tokens.json")
LIGHT = _load("light", _RAW)
DARK = _load("dark", _RAW)
