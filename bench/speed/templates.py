"""Recorded bodies made ready to be copied: families of a resource with what lies under it, ids and names as tokens.

A family keeps together what look-ups relate: a resource, its children, its extensions. What stands for the subscription as a whole
(a Defender plan, a security contact) is a family of its own that a subscription has once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from nephoscope.collect import resources
from nephoscope.collect.resources.child_resources import iterate_children
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

Path_ = tuple[str | int, ...]
#: Tokens in the text of a template: the copy's number, its subscription, its region.
COPY, SUBSCRIPTION, REGION = "@@K@@", "@@S@@", "@@R@@"
_ID = re.compile(
    r"(/subscriptions/)([^/]+)(?:(/resourceGroups/)([^/]+))?(?:(/providers/[^/]+/[^/]+/)([^/]+))?(.*)",
    re.IGNORECASE | re.DOTALL,
)
_FIXED = frozenset({"id", "name", "type", "location", "apiversion", "subscriptionid", "resourcegroup"})
_NAMED_BY_SERVICE = "microsoft.security/"


@dataclass(frozen=True, slots=True)
class Template:
    """A recorded body as JSON text with tokens; `leaves` are the paths whose values may change, `total` counts all leaf values."""

    type: str
    text: str
    leaves: tuple[Path_, ...]
    total: int
    embedded: int


@dataclass(slots=True)
class Templates:
    """`families` are copied again and again, `once` belongs to a subscription, `pools` are the values seen at a place."""

    families: list[list[Template]] = field(default_factory=list)
    once: list[Template] = field(default_factory=list)
    pools: dict[tuple[str, Path_], list[Any]] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)


def recorded(shared: Path) -> list[Resource]:
    """The bodies of the corpus that lie in a subscription, one per id."""
    found = resources.load([shared / "corpora/resources"]).resources.values()
    return [one for one in found if one.id.subscription and not one.derived]


def chosen_types(bodies: Iterable[Resource], definitions: Counter[str], looked_up: Iterable[str]) -> set[str]:
    """The types to copy: those with >= 5 definitions, and at most as many others, those that rules look up first."""
    seen = Counter(one.type for one in bodies)
    many = {type_ for type_ in seen if definitions[type_] >= 5}
    carried = {
        found.type
        for one in bodies
        if one.type in many
        for record in iterate_children(one.body, one.id)
        if (found := Resource.of(record.body)).type not in many
    }
    related = set(looked_up)
    rest = sorted(
        seen.keys() - many - carried,
        key=lambda type_: (type_ not in related, not definitions[type_], -seen[type_], type_),
    )
    room = len(many) - len(carried) - 2  # two spare: subscriptions and resource groups are always there
    chosen = many | carried
    for type_ in rest:
        nested = {
            Resource.of(r.body).type
            for one in bodies
            if one.type == type_
            for r in iterate_children(one.body, one.id)
        }
        cost = len({type_, *nested} - chosen)
        if cost <= room:
            chosen |= {type_, *nested}
            room -= cost
    return chosen


def templates(bodies: Iterable[Resource], types: set[str]) -> Templates:
    """The families of the bodies whose types are chosen."""
    known = [one for one in bodies if one.type in types]
    carried = {
        str(record.body["id"]).lower().rstrip("/")
        for one in known
        for record in iterate_children(one.body, one.id)
    }
    names = _subscription_numbers(known)
    found = Templates(types=types)
    families: defaultdict[str, list[Template]] = defaultdict(list)
    single: dict[tuple[str, str], Template] = {}
    for one in sorted(known, key=lambda one: one.key):
        for path, value in leaves(one.body):
            pool = found.pools.setdefault((one.type, plain(path)), [])
            if value not in pool and len(pool) < 64:
                pool.append(value)
        if one.key in carried:
            continue
        made = _template(one, names)
        if one.type == SUBSCRIPTION_TYPE or (
            not one.id.resource_group and one.type.startswith(_NAMED_BY_SERVICE)
        ):
            single.setdefault((one.type, one.id.name if one.type != SUBSCRIPTION_TYPE else ""), made)
        else:
            families[_root(one.key)].append(made)
    found.once = list(single.values())
    found.families = list(families.values())
    return found


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """(path, value) of every scalar in a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def plain(path: Path_) -> Path_:
    """A path without the positions in arrays."""
    return tuple(segment for segment in path if isinstance(segment, str))


def _subscription_numbers(bodies: Iterable[Resource]) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(sorted({one.id.subscription for one in bodies}))}


def _template(one: Resource, numbers: Mapping[str, int]) -> Template:
    everything = list(leaves(one.body))
    free = tuple(path for path, value in everything if _may_change(path, value))
    region = str(one.body.get("location") or "")
    body = _tokens(one.body, numbers, region if region.lower() != "global" else "")
    body["id"] = _id(str(one.body["id"]), numbers)
    body["name"] = _name(one)
    embedded = sum(1 for _ in iterate_children(one.body, one.id))
    return Template(one.type, msgspec.json.encode(body).decode(), free, len(everything), embedded)


def _may_change(path: Path_, value: Any) -> bool:
    last = next((segment for segment in reversed(path) if isinstance(segment, str)), "")
    if value is None or last.lower() in _FIXED or path[0] in ("id", "name", "type", "location"):
        return False
    return not (isinstance(value, str) and value.lower().startswith("/subscriptions/"))


def _tokens(value: Any, numbers: Mapping[str, int], region: str) -> Any:
    if isinstance(value, dict):
        return {
            key: REGION if region and key == "location" and item == region else _tokens(item, numbers, region)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_tokens(item, numbers, region) for item in value]
    return (
        _id(value, numbers)
        if isinstance(value, str) and value.lower().startswith("/subscriptions/")
        else value
    )


def _id(text: str, numbers: Mapping[str, int]) -> str:
    """An id with the copy's subscription, group and root name."""
    match = _ID.fullmatch(text)
    if match is None:
        return text
    start, subscription, groups, group, provider, name, rest = match.groups(default="")
    own_group = f"{groups}{group}-{numbers.get(subscription.lower(), 0)}{COPY}" if group else ""
    kept = not group and provider.lower().startswith(f"/providers/{_NAMED_BY_SERVICE}")
    own_name = f"{provider}{name}{'' if kept else COPY}" if provider else ""
    return f"{start}{SUBSCRIPTION}{own_group}{own_name}{rest}"


def _name(one: Resource) -> str:
    """The body's name: the id's first name is the one that differs from copy to copy."""
    name = str(one.body.get("name") or one.id.name)
    if one.type == SUBSCRIPTION_TYPE:
        return SUBSCRIPTION
    if one.type == RESOURCE_GROUP_TYPE:
        return _id(str(one.body["id"]), {one.id.subscription: 0}).rsplit("/", 1)[-1]
    if not one.id.resource_group and one.type.startswith(_NAMED_BY_SERVICE):
        return name
    root = _root(one.key).rsplit("/", 1)[-1]
    first, slash, rest = name.partition("/")
    return (
        f"{first}{COPY}{slash}{rest}"
        if first.lower() == root and (slash or one.key == _root(one.key))
        else name
    )


def _root(key: str) -> str:
    """The id of the topmost resource that a resource lies under or extends."""
    match = _ID.fullmatch(key)
    if match is None or not match.group(5):
        return key
    return key[: match.start(7)]
