"""Check that a filter names scopes that exist: a misspelt one would look at nothing, and nothing looks like a clean estate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from nephoscope.collect.resource_sources import TypeSources
from nephoscope.estate.estate import Estate
from nephoscope.estate.scope_hierarchy import get_subscription_name
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

#: Names that an error offers in place of an unknown one.
_OFFERED = 3


class UnknownScopeError(Exception):
    """A filter names a subscription, a resource group or a type that there is not."""


class KnownScopes:
    """The subscriptions, resource groups and types of an estate, which may come part by part."""

    def __init__(self, coverage: Coverage, aliased: Callable[[], Iterable[str]]) -> None:
        """`aliased` gives the types that have aliases; it is asked when a type is in neither the estate nor its manifest."""
        self._aliased = aliased
        self._subscriptions = {scope.rsplit("/", 1)[-1]: "" for scope in coverage.scopes if scope}
        self._groups: set[str] = set()
        self._types: dict[str, str] = {}
        self._learn_types(type_ for covered in coverage.scopes.values() for type_ in covered)
        self._learn_types(coverage.gaps)

    def add(self, estate: Estate) -> None:
        """Learn the scopes of an estate, or of a part of one."""
        self._learn_types(str(estate.list_of_type(type_)[0].body["type"]) for type_ in estate.types)
        for one in estate.resources.values():
            if one.id.subscription:
                self._subscriptions.setdefault(one.id.subscription, "")
            if one.id.resource_group:
                self._groups.add(one.id.resource_group)
        for one in estate.list_of_type(SUBSCRIPTION_TYPE):
            self._subscriptions[one.id.subscription] = get_subscription_name(one)

    def check(self, wanted: ReportFilter) -> None:
        """Raise UnknownScopeError for the first scope of a filter that there is not."""
        names = [*self._subscriptions, *filter(None, self._subscriptions.values())]
        _check_patterns(
            "--subscription", wanted.subscriptions, names, "subscription of the snapshot has this id or name"
        )
        _check_patterns(
            "--resource-group",
            wanted.resource_groups,
            self._groups,
            "resource group of the snapshot has this name",
        )
        if any(not _matches_any(one, self._types) for one in wanted.types):
            self._learn_types((*self._aliased(), *TypeSources.load_builtin().types))
        _check_patterns("--type", wanted.types, self._types.values(), "resource type has this name")

    def _learn_types(self, types: Iterable[str]) -> None:
        """Keep each type as Azure writes it, as far as that is known."""
        for one in types:
            key = one.lower()
            if self._types.get(key, key) == key:
                self._types[key] = TypeSources.load_builtin().spelled.get(key, one)


def _check_patterns(option: str, patterns: Iterable[str], known: Iterable[str], lacks: str) -> None:
    names = list(known)
    for pattern in patterns:
        if not _matches_any(pattern, names):
            near = _suggest_names(pattern, names)
            offered = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UnknownScopeError(f"{option} {pattern}: no {lacks}{offered}")


def _matches_any(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names)


def _suggest_names(word: str, names: list[str]) -> list[str]:
    """Names close to a word, as a whole or by their last segment: `virtualMachine` means Microsoft.Compute/virtualMachines."""
    ends: dict[str, str] = {}
    for name in sorted(names, key=lambda one: (one.count("/"), one)):
        ends.setdefault(name.casefold(), name)
        ends.setdefault(name.casefold().rsplit("/", 1)[-1], name)
    close = get_close_matches(word.casefold(), ends, n=_OFFERED)
    return list(dict.fromkeys(ends[one] for one in close))
