"""Unstated tenants: exports that name no tenant are each of a tenant of their own, unless their subscriptions tell more.

A source is an argument of a scan. Two of them are of one tenant where they have a subscription in common, or where they are files
of one folder and at most one of them has subscriptions of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.files.snapshot_files import is_json
from nephoscope.model.tenant_name import build_unstated_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path


class KnownTenants(msgspec.Struct, frozen=True):
    """Tenants as known beside what files say: the tenant that was stated for files that name none, and that of each
    subscription that a data folder holds."""

    stated: str = ""
    read_kept: Callable[[], Mapping[str, str]] = dict


class UnstatedSource(msgspec.Struct, frozen=True):
    """Arguments of one tenant, their lower-cased subscriptions, and the tenants that other files of their folder name."""

    roots: tuple[Path, ...]
    subscriptions: frozenset[str]
    tenants: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """The folder that all files are in, else the first of the arguments by name."""
        folders = {find_folder(root) for root in self.roots}
        return next(iter(folders)) if len(folders) == 1 and len(self.roots) > 1 else min(self.roots)


def find_folder(root: Path) -> Path:
    """Return the folder of an argument that is a file; a folder and an archive stand for themselves."""
    return root.parent.absolute() if is_json(root.name) and root.is_file() else root.absolute()


def collect_by_folder(named: Mapping[Path, AbstractSet[str]]) -> dict[Path, frozenset[str]]:
    """Return the tenants that the files of each folder name."""
    found: defaultdict[Path, set[str]] = defaultdict(set)
    for root, tenants in named.items():
        found[find_folder(root)] |= tenants
    return {folder: frozenset(tenants) for folder, tenants in found.items()}


def join_sources(
    found: Mapping[Path, AbstractSet[str]], named: Mapping[Path, frozenset[str]]
) -> list[UnstatedSource]:
    """Join the arguments that are of one tenant, by their subscriptions; `named` are the tenants that files of folders name."""
    groups: list[UnstatedSource] = []
    for root, subscriptions in found.items():
        same = [one for one in groups if not one.subscriptions.isdisjoint(subscriptions)]
        groups = [one for one in groups if one not in same]
        groups.append(_join([*same, UnstatedSource((root,), frozenset(subscriptions))]))
    return _join_files(groups, named)


def _join(several: Sequence[UnstatedSource], tenants: frozenset[str] = frozenset()) -> UnstatedSource:
    roots = tuple(root for one in several for root in one.roots)
    return UnstatedSource(roots, frozenset().union(*(one.subscriptions for one in several)), tenants)


def _join_files(
    groups: Iterable[UnstatedSource], named: Mapping[Path, frozenset[str]]
) -> list[UnstatedSource]:
    """Join files without subscriptions to the other files of their folder, where these are of one tenant."""
    folders: defaultdict[Path, list[UnstatedSource]] = defaultdict(list)
    for one in groups:
        folders[find_folder(one.roots[0])].append(one)
    joined: list[UnstatedSource] = []
    for folder, several in folders.items():
        loose = [one for one in several if not one.subscriptions]
        placed = [one for one in several if one.subscriptions]
        tenants = named.get(folder, frozenset())
        if len(placed) + len(tenants) <= 1:
            joined.append(_join(several, tenants))
        else:
            joined += [*placed, *([_join(loose)] if loose else [])]
    return joined


def name_unstated_sources(groups: Sequence[UnstatedSource], kept: Mapping[str, str]) -> dict[Path, str]:
    """Name the tenant of each group; `kept` are the names that tenants of subscriptions have in a data folder.

    A group has the name that is kept for its subscriptions, where no other group has it too. The only group has no name while nothing
    kept has none; others are named by their path. That nothing but a directory is kept without a name stands in `kept` under ''.
    """
    claims = [max((kept[one] for one in group.subscriptions & kept.keys()), default=None) for group in groups]
    found: dict[Path, str] = {}
    for group, claim in zip(groups, claims, strict=True):
        if claim is not None and claims.count(claim) == 1:
            name = claim
        else:
            name = "" if len(groups) == 1 and _is_free(group, kept) else build_unstated_name(group.path)
        found |= dict.fromkeys(group.roots, name)
    return found


def _is_free(group: UnstatedSource, kept: Mapping[str, str]) -> bool:
    """Return whether a group may have no name: nothing that is kept has none, or a directory alone, and the group is one."""
    return "" not in kept.values() or (not group.subscriptions and "" in kept)
