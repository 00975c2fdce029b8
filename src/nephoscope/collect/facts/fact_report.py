"""Fact report of a scanner: validated documents of one resource, split into claims."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from nephoscope.collect.facts.fact_types import FactType, load_fact_types
from nephoscope.collect.facts.report_errors import FactError, refuse_shape, refuse_text
from nephoscope.model.nesting_limit import DEEPEST, is_nested_deeper
from nephoscope.state.estate.external_facts import ExternalFacts
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, ResourceId, is_in_scope

MOST_DOCUMENTS = 5_000
MOST_CLAIMS = 200
MOST_BYTES = 4 << 20
MOST_DOCUMENT_BYTES = 256 << 10
LONGEST_ID = 2_048
#: Clocks differ: a report may come from a little ahead.
AHEAD = timedelta(minutes=5)
_ID = "give it as Azure does: /subscriptions/ID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME"
_TENANT = re.compile(r"(?:[0-9a-z][0-9a-z._-]{0,127})?")
#: The members of a resource in ARM: others are no part of one.
_MEMBERS = frozenset({
    "id", "name", "type", "location", "tags", "kind", "sku", "identity", "zones", "plan", "managedBy", "properties",
    "systemData", "etag", "extendedLocation",
})  # fmt: skip


class FactReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Report of facts about one resource at a time.

    `scopes` maps ids at or below the resource to the types that were read there in full, as a coverage manifest does: a document of
    such a type that is not among the `documents` does not exist. A document that no claim is about speaks for itself alone.
    """

    resource: str
    read_at: datetime
    documents: tuple[dict[str, object], ...] = ()
    scopes: dict[str, tuple[str, ...]] = {}
    tenant: str = ""


def parse_reports(data: bytes) -> tuple[FactReport, ...]:
    """The reports in a JSON text, one or a list of them; FactError where it is no such text."""
    if len(data) > MOST_BYTES:
        raise FactError("report", f"it has {len(data):,} bytes; the maximum is {MOST_BYTES:,}: split it")
    text = data.removeprefix(codecs.BOM_UTF8)
    try:
        found = msgspec.json.decode(text, type=FactReport | tuple[FactReport, ...])
    except msgspec.ValidationError as error:
        raise refuse_shape(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refuse_text(text, str(error)) from error
    if not found:
        raise FactError("report", "the list is empty")
    return (found,) if isinstance(found, FactReport) else found


def merge_claims(reports: Sequence[FactReport], now: datetime) -> list[ExternalFacts]:
    """The claims of several reports; FactError, whose place names the report of several, for what cannot be meant."""
    found: list[ExternalFacts] = []
    for number, report in enumerate(reports):
        try:
            found += list_claims(report, now)
        except FactError as error:
            raise (error.place_in_report(number) if len(reports) > 1 else error) from error
    return found


def list_claims(report: FactReport, now: datetime) -> tuple[ExternalFacts, ...]:
    """The claims of a report, every document in one; FactError for what cannot be meant."""
    _check_frame(report, now)
    resource = _parse_subject(report.resource, "resource")
    wholes = dict(_list_complete_claims(report, resource))
    taken: defaultdict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    seen: set[str] = set()
    for number, given in enumerate(report.documents):
        place = f"documents[{number}]"
        id_, body = _read_document(given, place)
        if not is_in_scope(id_.key, resource.key):
            raise FactError(f"{place}.id", f"must be {report.resource} or below it (got {given['id']!r})")
        if id_.key in seen:
            raise FactError(f"{place}.id", f"occurs twice in the report: {given['id']!r}")
        seen.add(id_.key)
        taken[_find_narrowest_claim(id_, wholes)].append(body)
    subjects = dict.fromkeys([*wholes, *taken])
    if not subjects:
        raise FactError("report", "the report has neither documents nor scopes")
    if len(subjects) > MOST_CLAIMS:
        raise FactError(
            "report",
            (
                f"it makes {len(subjects)} claims, and at most {MOST_CLAIMS} are accepted: claim types, "
                "or send parts"
            ),
        )
    return tuple(
        ExternalFacts(subject, type_, resource.subscription, report.read_at, tuple(taken[subject, type_]), report.tenant.lower())
        for subject, type_ in subjects
    )  # fmt: skip


def _check_frame(report: FactReport, now: datetime) -> None:
    """FactError where the time, the tenant or the amount cannot be."""
    if report.read_at.tzinfo is None:
        raise FactError("readAt", "must have a time zone, such as 2026-11-29T10:00:00Z")
    if report.read_at > now + AHEAD:
        read_time = f"{report.read_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        raise FactError("readAt", f"must not be in the future, because it would never expire: {read_time}")
    if not _TENANT.fullmatch(report.tenant.lower()):
        raise FactError("tenant", f"must be a tenant ID (a GUID) or empty (got {report.tenant[:100]!r})")
    if len(report.documents) > MOST_DOCUMENTS:
        raise FactError(
            "documents", f"there are {len(report.documents):,}, and at most {MOST_DOCUMENTS:,} are accepted"
        )


def _parse_subject(text: str, place: str) -> ResourceId:
    """The id of something in a subscription."""
    if len(text) > LONGEST_ID:
        raise FactError(place, f"an ID must not exceed {LONGEST_ID:,} characters")
    try:
        id_ = ResourceId.parse(text)
    except ValueError as error:
        raise FactError(place, f"{error}; {_ID}") from error
    if not id_.subscription or id_.type in (f"{RESOURCE_GROUP_TYPE}", "microsoft.resources/subscriptions"):
        raise FactError(place, f"must be the ID of a resource in a subscription (got {text!r}); {_ID}")
    return id_


def _list_complete_claims(report: FactReport, resource: ResourceId) -> Iterator[tuple[tuple[str, str], None]]:
    """The (subject, type) of what was read in full."""
    for scope, types in report.scopes.items():
        place = f"scopes[{scope!r}]"
        id_ = _parse_subject(scope, place)
        if not is_in_scope(id_.key, resource.key):
            raise FactError(place, f"must be {report.resource} or below it")
        for type_ in types:
            known = _require_type(type_, place)
            if id_.type == known.type.lower():
                raise FactError(place, f"{known.type} is the type of the scope itself: claim types below it")
            yield (id_.key, known.type.lower()), None


def _require_type(type_: str, place: str) -> FactType:
    found = load_fact_types().get(type_.lower())
    if found is None:
        known_types = ", ".join(one.type for one in load_fact_types().values())
        raise FactError(place, f"unsupported type {type_[:200]!r}: expected a type of {known_types}")
    return found


def _read_document(given: Mapping[str, object], place: str) -> tuple[ResourceId, dict[str, object]]:
    """A document with its id, name and type as ARM has them."""
    text = given.get("id")
    if not isinstance(text, str):
        raise FactError(f"{place}.id", f"must be the ID of the document; {_ID}")
    id_ = _parse_subject(text, f"{place}.id")
    known = _require_type(id_.type, f"{place}.id")
    _check_parent(id_, known, f"{place}.id")
    name = text.rstrip("/").rsplit("/", 1)[-1]
    for member, wanted in (("name", name), ("type", known.type)):
        if str(given.get(member, wanted)).lower() != wanted.lower():
            raise FactError(f"{place}.{member}", f"must match the ID, {wanted!r} (got {given[member]!r})")
    _check_members(given, place)
    return id_, {**given, "id": text.rstrip("/"), "name": name, "type": known.type}


def _check_members(given: Mapping[str, object], place: str) -> None:
    if unknown := sorted(given.keys() - _MEMBERS):
        raise FactError(
            f"{place}.{unknown[0][:100]}",
            "unknown member: put the resource's own settings in 'properties'",
        )
    if not isinstance(given.get("properties"), dict):
        raise FactError(f"{place}.properties", "must be an object with the resource's settings")
    if is_nested_deeper(given):
        raise FactError(place, f"nested deeper than {DEEPEST} objects and arrays")
    if (size := len(msgspec.json.encode(given))) > MOST_DOCUMENT_BYTES:
        raise FactError(place, f"it has {size:,} bytes, and at most {MOST_DOCUMENT_BYTES:,} are accepted")


def _check_parent(id_: ResourceId, known: FactType, place: str) -> None:
    parent = ResourceId.parse(id_.parent or "/").type
    if known.parents and parent not in {one.lower() for one in known.parents}:
        raise FactError(place, f"a {known.type} must be below {' or '.join(known.parents)}")
    if not known.parents and parent != RESOURCE_GROUP_TYPE:
        raise FactError(place, f"a {known.type} must be in a resource group")


def _find_narrowest_claim(id_: ResourceId, wholes: Mapping[tuple[str, str], None]) -> tuple[str, str]:
    """The narrowest claim that a document belongs to; else its own."""
    above = id_.parent
    while above:
        if (above, id_.type) in wholes:
            return above, id_.type
        above = ResourceId.parse(above).parent
    return id_.key, id_.type
