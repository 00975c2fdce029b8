"""Entity mapping: entities of a row by the mappings of its rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import EntityMapping
from nephoscope.model.entity import STRONG, Entity

LIMIT = 500
"""How many entities an alert keeps, as in Sentinel."""
#: Columns of rules written before entity mappings, Source: https://learn.microsoft.com/azure/sentinel/map-data-fields-to-entities
LEGACY = {
    "AccountCustomEntity": ("Account", "FullName"),
    "HostCustomEntity": ("Host", "FullName"),
    "IPCustomEntity": ("IP", "Address"),
    "URLCustomEntity": ("URL", "Url"),
    "FileHashCustomEntity": ("FileHash", "Value"),
}
_UPN = re.compile(r"([^@\\/\s]+)@([^@\s]+)")
_DOMAIN = re.compile(r"([^\\]+)\\([^\\]+)")
_HOST = re.compile(r"([^.\s]+)\.([^\s]+\.[^\s.]+)")


def extract_entities(finding: RuleResultRow, mappings: Iterable[EntityMapping]) -> list[Entity]:
    """Return what the row speaks of, each once, in the order of the mappings."""
    found: dict[str, Entity] = {}
    for mapping in (*mappings, *_list_legacy_mappings(finding)):
        for entity in _map_entities(finding, mapping):
            found.setdefault(entity.key, entity)
    return list(found.values())


def merge_entities(several: Iterable[Iterable[Entity]]) -> tuple[Entity, ...]:
    """The entities of many rows, each once: one known by more identifiers stands for the others; at most LIMIT.

    A weak name (an account's without its domain) joins two only where nothing stronger tells them apart, and none where several go
    by it.
    """
    found: list[Entity] = []
    named: dict[str, list[int]] = {}
    for entity in (one for each in several for one in each):
        place = _find_place(entity, found, named)
        if place is None:
            place = len(found)
            found.append(entity)
        else:
            found[place] = _join_identifiers(found[place], entity)
        for key in {*entity.keys, *found[place].keys}:
            places = named.setdefault(key, [])
            if len(places) < 2 and place not in places:
                places.append(place)
    return tuple(found[:LIMIT])


def _find_place(entity: Entity, found: Sequence[Entity], named: Mapping[str, list[int]]) -> int | None:
    """Return where the entity stands already: by its strongest name that one alone goes by, and that is no other's."""
    for key in entity.keys:
        places = named.get(key, ())
        if len(places) == 1 and not _are_distinguished(found[places[0]], entity, key):
            return places[0]
    return None


def _are_distinguished(one: Entity, other: Entity, shared: str) -> bool:
    """Return whether both have a name of the same sort, stronger than the one that they share, and it differs."""
    mine, others = one.names, other.names
    for names, key in mine.items():
        if key == shared:
            return False
        if names in others and others[names] != key:
            return True
    return False


def _join_identifiers(known: Entity, other: Entity) -> Entity:
    return Entity(known.kind, tuple(sorted({**dict(other.identifiers), **dict(known.identifiers)}.items())))


def _list_legacy_mappings(finding: RuleResultRow) -> Iterator[EntityMapping]:
    for column, (kind, identifier) in LEGACY.items():
        if column in finding.columns:
            yield EntityMapping(kind, ((identifier, column),))


def _map_entities(finding: RuleResultRow, mapping: EntityMapping) -> Iterator[Entity]:
    if not mapping.kind:
        yield from _parse_entities(finding.get_text(mapping.fields[0][1]))
        return
    values = {name: _list_values(finding.get_text(column)) for name, column in mapping.fields}
    most = max((len(several) for several in values.values()), default=0)
    for place in range(most):
        # columns that hold as many values go side by side, one value alone goes with each
        row = {
            name: several[place if len(several) == most else 0] for name, several in values.items() if several
        }
        entity = Entity.of(*_split_domain(mapping.kind, row))
        if entity is not None:
            yield entity


def _parse_entities(text: str) -> Iterator[Entity]:
    """The entities of a column that holds them as SecurityAlert does; what only refers to another is left out."""
    try:
        several = json.loads(text)
    except ValueError:
        return
    for one in several if isinstance(several, list) else ():
        if isinstance(one, dict) and isinstance(one.get("Type"), str):
            plain = {
                name: value
                for name, value in one.items()
                if isinstance(value, str | int | float) and value != ""
            }
            entity = Entity.read({name: value for name, value in plain.items() if not name.startswith("$")})
            if entity.identifiers and entity.kind in STRONG:
                yield entity


def _list_values(text: str) -> list[str]:
    """The value, or those of a list (make_set gives one)."""
    if text.startswith("["):
        try:
            several = json.loads(text)
        except ValueError:
            return [text]
        if isinstance(several, list):
            return [str(one) for one in several if isinstance(one, str | int | float) and str(one).strip()]
    return [text.strip()] if text.strip() else []


def _split_domain(kind: str, given: dict[str, str]) -> tuple[str, dict[str, str]]:
    """FullName and names that hold a domain, cut into the identifiers that they are made of.

    Who is known by an address alone (a request without a sign-in) is that address, and no account.
    """
    row = dict(given)
    if kind == "Account":
        whole = row.pop("FullName", "") or row.get("Name", "")
        if whole and not row.keys() - {"Name"} and _is_address_text(whole):
            return "IP", {"Address": whole}
        if whole and "UPNSuffix" not in row and "NTDomain" not in row:
            row |= _split_account(whole)
    elif kind == "Host":
        whole = row.pop("FullName", "") or row.get("HostName", "")
        if whole and "DnsDomain" not in row:
            dotted = None if _is_address(whole) else _HOST.fullmatch(whole)
            row |= {"HostName": dotted[1], "DnsDomain": dotted[2]} if dotted else {"HostName": whole}
    elif kind == "AzureResource" and "ResourceId" in row:
        row["ResourceId"] = row["ResourceId"].lower().rstrip("/")
    return kind, row


def _is_address_text(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _split_account(whole: str) -> dict[str, str]:
    if upn := _UPN.fullmatch(whole):
        return {"Name": upn[1], "UPNSuffix": upn[2]}
    if domain := _DOMAIN.fullmatch(whole):
        return {"NTDomain": domain[1], "Name": domain[2]}
    return {"Name": whole}


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+", text))
