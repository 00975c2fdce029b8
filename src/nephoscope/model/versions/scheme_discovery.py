"""Finds the schemes of this folder and gives the one of an ecosystem."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol, Self

import msgspec

import nephoscope.model.versions as package
from nephoscope.model.derived_values import SourceFolder, derive_value
from nephoscope.model.versions.errors import VersionError

#: No version has more characters: Python refuses to make numbers of texts that are longer still.
LONGEST = 1_000


class SchemeError(Exception):
    """A module in this folder that is half a scheme, or two that claim one ecosystem."""


class VersionKey(Protocol):
    """The key that versions of one scheme are compared by."""

    def __lt__(self, other: Self, /) -> bool: ...


class Scheme(msgspec.Struct, frozen=True):
    """An order of versions; `order` and `is_valid` as the folder's docstring says."""

    name: str
    title: str
    ecosystems: tuple[str, ...]
    order: Callable[[str], VersionKey]
    is_valid: Callable[[str], bool]

    def compare(self, first: str, second: str) -> int:
        """Return -1, 0 or 1 as the first version is older than, equal to or newer than the second; raises VersionError."""
        one, other = self.order(first), self.order(second)
        return -1 if one < other else int(other < one)


def _build_bound_length(order: Callable[[str], VersionKey]) -> Callable[[str], VersionKey]:
    def build_bounded_key(text: str) -> VersionKey:
        if len(text) > LONGEST:
            raise VersionError(f"a text of {len(text)} characters is not a version: {text[:40]!r} ...")
        return order(text)

    return build_bounded_key


def _make_limit_check(is_valid: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: len(text) <= LONGEST and is_valid(text)


@cache
def load_schemes() -> dict[str, Scheme]:
    """Return every scheme by the ecosystems that it orders (lower-cased); raises SchemeError."""
    return {ecosystem: _load_scheme(name) for ecosystem, name in _map_ecosystems().items()}


def find_scheme(ecosystem: str) -> Scheme | None:
    """Return the scheme of an ecosystem by its OSV name, a release after a colon left alone, or by the type of its package URLs."""
    name = _map_ecosystems().get(ecosystem.split(":", 1)[0].lower())
    return None if name is None else _load_scheme(name)


@cache
def _map_ecosystems() -> dict[str, str]:
    """Return the name of the scheme of each ecosystem; schemes are loaded where they order something."""
    folder = SourceFolder(str(Path(__file__).parent))
    return derive_value(__name__, [folder], dict[str, str], _list_ecosystems)


def _list_ecosystems() -> dict[str, str]:
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not hasattr(importlib.import_module(f"{package.__name__}.{info.name}"), "ECOSYSTEMS"):
            continue
        for ecosystem in _load_scheme(info.name).ecosystems:
            if ecosystem in found:
                raise SchemeError(f"{ecosystem} is claimed by {found[ecosystem]} and {info.name}")
            found[ecosystem] = info.name
    return found


@cache
def _load_scheme(name: str) -> Scheme:
    module = importlib.import_module(f"{package.__name__}.{name}")
    if missing := [part for part in ("TITLE", "order", "is_valid") if not hasattr(module, part)]:
        raise SchemeError(f"{module.__name__} has ECOSYSTEMS but no {' and no '.join(missing)}")
    order, is_valid = _build_bound_length(module.order), _make_limit_check(module.is_valid)
    return Scheme(name, module.TITLE, module.ECOSYSTEMS, order, is_valid)
