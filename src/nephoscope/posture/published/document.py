"""A published document: an ARM body with what it is found by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report


class PublishedDocument(msgspec.Struct, frozen=True):
    """An ARM body. `subject`, `key`, `state`, `severity`, `cause` and `title` are what lists of findings are filtered and sorted by.

    `subject` is the lower-cased id of the resource that the document is about ('' = none but itself), `key` the lower-cased name of
    the recommendation, `state` one of the six ends of an evaluation. `tenant` is the lower-cased tenant id, '' where that is not
    known. `holders`: of what Azure has alike in each tenant, the tenants that alone have it, a blank between them ('' = all).
    """

    id: ResourceId
    body: Mapping[str, Any]
    subject: str = ""
    key: str = ""
    state: str = ""
    severity: str = ""
    cause: str = ""
    title: str = ""
    tenant: str = ""
    holders: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any], **found: str) -> PublishedDocument:
        """The document of a body, whose id says where it stands."""
        return cls(ResourceId.parse(str(body["id"])), body, **found)


#: What a module in `kinds` exports under the name `documents`.
Documents = Callable[["Report", Mapping["Subject", "RememberedState"]], Iterable[PublishedDocument]]


def build_arm_body(id_: str, type_: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The usual body: id, name (the end of the id), type, properties."""
    return {"id": id_, "name": id_.rsplit("/", 1)[-1], "type": type_, "properties": dict(properties)}


def drop_empty(items: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """The items that say something."""
    return ((name, value) for name, value in items if value not in (None, "", [], {}, ()))
