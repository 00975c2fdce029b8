"""Coverage manifests: read from coverage.json, written, merged, and what a resource that was seen claims."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.related_resources import EXTENSIONS
from nephoscope_policy.report_age import list_report_entries

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from nephoscope_policy.model.resource import Resource

SCHEMA_VERSION = 2
#: How far ahead a time of reading may lie, since clocks differ.
_AHEAD = timedelta(days=1)
#: A manifest of this version is about one tenant, which it may name.
_SCHEMA_OF_ONE_TENANT = 1
#: The time of reading of what is always of now.
_ALWAYS = datetime.max.replace(tzinfo=UTC)
# Namespaces whose resources never lie in a subscription.
_TENANT_NAMESPACES = ("microsoft.graph/", "microsoft.management/", "microsoft.aadiam/")
# Types of which single named resources are looked up: one name that was seen says nothing about another.
_NAMED = frozenset(
    {"microsoft.security/assessments", "microsoft.guestconfiguration/guestconfigurationassignments"}
)
# Extensions that a list of a subscription or of the tenant tells in full, those of what lies below included.
_LISTED_BY_SCOPE = ("microsoft.authorization/",)


class CoverageError(ValueError):
    """A coverage manifest that cannot be used; the message says which member and what it must be."""


def parse_manifests(document: object) -> tuple[Coverage, ...]:
    """Read a manifest, a coverage for each tenant it is about; raises CoverageError.

    `{"schemaVersion": 2, "tenants": {tenant: {"scopes": {scope: [type, ...]}, "gaps": {type: reason}, "readAt": time}}}`, where
    `readAt` may also map a scope to its time, null where it is unknown; `now` is the time of each evaluation. `claimedAt` maps a
    scope to the times of single types there. In version 1 the members of the one tenant are at the top, with `tenant` beside them. A
    manifest that has `readAt` and no `tenants` tells when the files were read and nothing else (`has_times_only`).
    """
    if not isinstance(document, dict):
        raise CoverageError("the manifest must be a JSON object")
    version = document.get("schemaVersion")
    if version == _SCHEMA_OF_ONE_TENANT:
        return (_parse_tenant(str(document.get("tenant") or ""), document, ""),)
    tenants = document.get("tenants")
    if version != SCHEMA_VERSION:
        raise CoverageError(f"'schemaVersion' must be 1 or {SCHEMA_VERSION}, not {version!r}")
    if tenants is None and "readAt" in document:
        return (Coverage({}, read_at=_read_times(document["readAt"], "")),)
    if not isinstance(tenants, dict):
        raise CoverageError("'tenants' must map each tenant's ID ('' if unknown) to its coverage")
    return tuple(
        _parse_tenant(name, members, f"tenants.{name or chr(34) * 2}.") for name, members in tenants.items()
    )


def parse_manifest(document: object) -> Coverage:
    """Read a manifest that is about one tenant, as `parse_manifests`; raises CoverageError where it is about several."""
    found = parse_manifests(document)
    if len(found) != 1:
        raise CoverageError(f"the manifest must be about one tenant, not {len(found)}")
    return found[0]


def has_times_only(coverage: Coverage) -> bool:
    """Return whether a manifest tells when its files were read, and leaves to them what was."""
    return not coverage.scopes and not coverage.declared and bool(coverage.read_at)


def refuse_future(coverage: Coverage, now: datetime) -> None:
    """Refuse a manifest that says it was read more than a day from now: CoverageError, since nothing in it would ever be too old."""
    times = [
        *(when for when in coverage.read_at.values() if when is not None),
        *(when for one in coverage.claimed_at.values() for when in one.values()),
    ]
    latest = max((one for one in times if one != _ALWAYS), default=now)
    if latest - now > _AHEAD:
        raise CoverageError(f"'readAt' lies in the future: {latest.isoformat()}")


def _parse_tenant(tenant: str, document: object, path: str) -> Coverage:
    if not isinstance(document, dict):
        raise CoverageError(f"'{path.rstrip('.')}' must be a JSON object")
    scopes = document.get("scopes")
    if not isinstance(scopes, dict):
        raise CoverageError(
            f"'{path}scopes' must map a scope ('/subscriptions/<id>' or '') to a list of types"
        )
    gaps = document.get("gaps", {})
    if not isinstance(gaps, dict) or not all(isinstance(reason, str) for reason in gaps.values()):
        raise CoverageError(f"'{path}gaps' must map a type to the reason why it was not read")
    return Coverage(
        {_normalize_scope(scope): _read_types(scope, types, path) for scope, types in scopes.items()},
        declared=document.get("declared", True) is not False,
        gaps={type_.lower(): reason for type_, reason in gaps.items()},
        tenant=tenant.lower(),
        read_at=_read_times(document.get("readAt"), path),
        claimed_at=_read_claim_times(document.get("claimedAt", {}), path),
    )


def _normalize_scope(scope: str) -> str:
    return scope.lower().rstrip("/")


def _read_types(scope: str, types: object, path: str) -> frozenset[str]:
    if not isinstance(types, list) or not all(isinstance(type_, str) for type_ in types):
        raise CoverageError(f"'{path}scopes' at {scope!r} must be a list of resource types")
    return frozenset(type_.lower() for type_ in types)


def _read_times(value: object, path: str) -> dict[str, datetime | None]:
    """The times of reading by scope, from one time for all or a time for each scope."""
    if value is None:
        return {}
    several: dict[str, object] = value if isinstance(value, dict) else {"": value}
    try:
        return {_normalize_scope(scope): _read_time(text) for scope, text in several.items()}
    except (TypeError, ValueError) as error:
        raise CoverageError(
            f"'{path}readAt' must be an ISO 8601 time with a time zone, 'now', or one of these for each scope: {error}"
        ) from error


def _read_time(text: object) -> datetime | None:
    """Read a time with a zone, `now` or null; ValueError for anything else."""
    if text is None:
        return None
    found = _ALWAYS if text == "now" else datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found


def _read_claim_times(value: object, path: str) -> dict[str, dict[str, datetime]]:
    """The times of single claims by scope and type."""
    if not isinstance(value, dict) or not all(isinstance(times, dict) for times in value.values()):
        raise CoverageError(f"'{path}claimedAt' must map a scope to the times of types")
    found: dict[str, dict[str, datetime]] = {}
    for scope, times in value.items():
        try:
            found[_normalize_scope(scope)] = {
                type_.lower(): datetime.fromisoformat(text) for type_, text in times.items()
            }
        except (TypeError, ValueError) as error:
            raise CoverageError(
                f"'{path}claimedAt' at {scope!r} must hold ISO 8601 times: {error}"
            ) from error
    if any(time.tzinfo is None for times in found.values() for time in times.values()):
        raise CoverageError(f"'{path}claimedAt' must have time zones")
    return found


def build_manifest_document(coverage: Coverage) -> dict[str, object]:
    """The JSON document of a manifest, in a stable order."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tenants": {coverage.tenant: build_manifest_members(coverage)},
    }


def build_manifest_members(coverage: Coverage) -> dict[str, object]:
    """Return what a manifest says of one tenant, in a stable order."""
    found: dict[str, object] = {
        "declared": coverage.declared,
        "scopes": {scope: sorted(types) for scope, types in sorted(coverage.scopes.items())},
        "gaps": dict(sorted(coverage.gaps.items())),
    }
    if coverage.read_at:
        found["readAt"] = {
            scope: None if time is None else "now" if time == _ALWAYS else time.isoformat()
            for scope, time in sorted(coverage.read_at.items())
        }
    if coverage.claimed_at:
        found["claimedAt"] = {
            scope: {type_: time.isoformat() for type_, time in sorted(times.items())}
            for scope, times in sorted(coverage.claimed_at.items())
        }
    return found


def merge(parts: Iterable[Coverage]) -> Coverage:
    """Return what several snapshots of one tenant have read together; it is declared only when every part is."""
    scopes: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    gaps: dict[str, str] = {}
    times: dict[str, datetime | None] = {}
    claims: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    known = list(parts)
    for part in known:
        for scope, types in part.scopes.items():
            scopes[scope] |= types
        gaps.update(part.gaps)
        for scope, time in part.read_at.items():
            times[scope] = choose_older_time(time, times.get(scope, time))
        for scope, claimed in part.claimed_at.items():
            for entry, when in claimed.items():
                claims[scope][entry] = min(when, claims[scope].get(entry, when))
    declared = bool(known) and all(part.declared for part in known)
    tenant = next((part.tenant for part in known if part.tenant), "")
    merged = Coverage(dict(scopes), declared, gaps, tenant, times, claimed_at=dict(claims))
    return _date_claims(known, merged) if len({tuple(part.read_at.items()) for part in known}) > 1 else merged


def _date_claims(parts: Sequence[Coverage], merged: Coverage) -> Coverage:
    """Let each claim about reports be as old as the newest part that makes it; one that no part dates is dropped or left without a
    time."""
    undated = {scope: None for part in parts for scope in part.scopes if part.find_read_time(scope) is None}
    merged = replace(
        merged,
        read_at={**merged.read_at, **{scope: None for scope in undated if "*" in merged.scopes[scope]}},
    )
    scopes, claims = dict(merged.scopes), {scope: dict(of) for scope, of in merged.claimed_at.items()}
    for scope, entries in merged.scopes.items():
        for entry in list_report_entries(entries):
            held = merged.find_read_time(scope, entry)
            times = [part.find_read_time(scope, entry) for part in parts if _claims(part, scope, entry)]
            if known := [when for when in times if when is not None]:
                if max(known) != held:
                    claims.setdefault(scope, {})[entry] = max(known)
            elif held is not None:
                scopes[scope] = scopes[scope] - {entry}
    return replace(merged, scopes=scopes, claimed_at=claims)


def _claims(part: Coverage, scope: str, entry: str) -> bool:
    types = part.scopes.get(scope, frozenset())
    return entry in types or "*" in types


def build_claim_key(scope: str, entry: str) -> str:
    """The word for a claim that was made apart, among the ids of resources: no id is one."""
    return f"{scope} {entry}"


def remove_claims(coverage: Coverage, keys: frozenset[str]) -> Coverage:
    """A manifest without some of the claims that were made apart."""
    claims = [(scope, entry) for scope, times in coverage.claimed_at.items() for entry in times]
    gone = {claim for claim in claims if build_claim_key(*claim) in keys}
    if not gone:
        return coverage
    scopes = {scope: _remove_entries(scope, types, gone) for scope, types in coverage.scopes.items()}
    times = {scope: _remove_entries(scope, found, gone) for scope, found in coverage.claimed_at.items()}
    return replace(
        coverage,
        scopes={scope: types for scope, types in scopes.items() if types},
        claimed_at={
            scope: {entry: coverage.claimed_at[scope][entry] for entry in left}
            for scope, left in times.items()
            if left
        },
    )


def _remove_entries(scope: str, entries: Iterable[str], gone: Container[tuple[str, str]]) -> frozenset[str]:
    return frozenset(entry for entry in entries if (scope, entry) not in gone)


def merge_subscriptions(tenants: Sequence[Coverage]) -> Coverage:
    """Return what was read in the subscriptions of several tenants; of the only one everything that was read."""
    if len(tenants) == 1:
        return tenants[0]
    own = [
        replace(one, scopes={scope: types for scope, types in one.scopes.items() if scope}) for one in tenants
    ]
    return replace(merge(own), tenant="", read_at={}, claimed_at={})


def choose_older_time(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the older of two times of one scope, None where one is not known: a merged reading is as old as its oldest part."""
    return None if one is None or other is None else min(one, other)


def find_scope(resource: Resource) -> str:
    """The scope of a manifest that a resource belongs to: its subscription, '' for what only a tenant has, else its parent.

    A role assignment at the root does not tell that those of the subscriptions were read: its scope is '/'.
    """
    if resource.id.subscription:
        return resource.id.subscription_id
    if resource.type.startswith(_TENANT_NAMESPACES):
        return ""
    return resource.id.parent or "/"


def find_claim(resource: Resource) -> tuple[str, str]:
    """The scope and the entry of a manifest that one resource that was seen stands for.

    A resource tells that its type was read in its subscription. A child or an extension tells it below its own parent alone:
    lists of them are answered parent by parent.
    """
    id_ = resource.id
    name = f"/{id_.name}" if id_.type in _NAMED else ""
    parent = id_.parent
    if not parent or id_.type.startswith(_TENANT_NAMESPACES) or id_.type.startswith(_LISTED_BY_SCOPE):
        return find_scope(resource), id_.type + name
    if id_.type.count("/") > 1:
        return parent, id_.type + name
    if parent in (id_.subscription_id, id_.resource_group_id) and id_.type not in EXTENSIONS:
        return find_scope(resource), id_.type + name
    return parent, f"{_parse_type(parent)}/providers/{id_.type}{name}"


def was_read(coverage: Coverage, id_: ResourceId, scope: str) -> bool:
    """Return whether a resource with this id, which lies in a scope of the manifest, would have been read if it existed.

    Narrower claims count: a parent or a resource group in place of its subscription, an extension under its parent's type
    (docs/decisions/0081-what-a-manifest-may-claim.md).
    """
    types = [id_.type, f"{_parse_type(id_.parent)}/providers/{id_.type}"]
    places = [scope, id_.parent] if id_.parent else [scope]
    return any(coverage.covers(type_, place, id_.name) for type_ in types for place in places)


def _parse_type(id_: str) -> str:
    """The lower-cased type of an id, '' where it is none (the scope that something in no subscription lies under)."""
    try:
        return ResourceId.parse(id_).type if id_ else ""
    except ValueError:
        return ""
