"""Names of subscriptions and management groups by which a reader can choose: one that several have says which is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.posture.published.build_info import BuildInfo


def map_subscription_names(names: Mapping[str, str]) -> dict[str, str]:
    """Subscription -> name, by name; a name that several have is followed by the id."""
    named = {id_: (name, id_) for id_, name in names.items()}
    return dict(sorted(_disambiguate_names(named).items(), key=lambda one: one[1].casefold()))


def map_management_groups(made: BuildInfo, subscriptions: Iterable[str]) -> dict[str, str]:
    """Scope of an address -> name of the groups above subscriptions; one whose id several tenants have is there for each."""
    owners: dict[str, set[str]] = {}
    for one in subscriptions:
        for group in made.ancestors.get(one, ()):
            owners.setdefault(group, set()).add(made.tenants.get(one, ""))
    several = len({tenant for tenants in owners.values() for tenant in tenants}) > 1
    named: dict[str, tuple[str, str]] = {}
    for group in sorted(owners):
        id_ = group.rsplit("/", 1)[-1]
        for tenant in sorted(owners[group]):
            scope = f"mg:{id_}@{tenant}" if len(owners[group]) > 1 else f"mg:{id_}"
            named[scope] = (
                made.group_names.get(tenant, {}).get(group) or id_,
                f"tenant {tenant}" if several else id_,
            )
    return _disambiguate_names(named)


def _disambiguate_names(names: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Key -> name, with the second text behind it where another has the same name."""
    counts = Counter(name.casefold() for name, _ in names.values())
    return {
        key: f"{name} ({which})" if counts[name.casefold()] > 1 and which != name else name
        for key, (name, which) in names.items()
    }
