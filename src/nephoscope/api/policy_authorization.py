"""Microsoft.Authorization: policy definitions, initiatives, assignments and exemptions, of content, of the estate, and put by people.

Source: https://learn.microsoft.com/rest/api/policy (2023-04-01), exemptions 2022-07-01-preview
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire.answer import NO_CONTENT, Answer, listed, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad, missing
from nephoscope.api.wire.operation import Surface
from nephoscope.model.place import Place
from nephoscope.model.reach import Reach
from nephoscope.model.resource_id import ResourceId
from nephoscope.policy.assignment import Assignment
from nephoscope.policy.catalogue import Catalogue
from nephoscope.policy.errors import PolicyError
from nephoscope.policy.exemption import Exemption

SURFACE = Surface("Policy", "Microsoft.Authorization")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document: the last part of its type, the word of its operations, and what raises PolicyError for an unusable one."""

    word: str
    operations: str
    check: Callable[[dict[str, Any]], object]

    @property
    def type(self) -> str:
        """The type."""
        return f"Microsoft.Authorization/{self.word}"


def _defined(body: dict[str, Any]) -> object:
    """A definition or initiative that can be used."""
    catalogue = Catalogue.of_bodies([(body, Place("put"))])
    for problem in catalogue.problems:
        raise PolicyError(problem.reason, problem.place.path)
    return catalogue


DEFINITIONS = Kind("policyDefinitions", "PolicyDefinitions", _defined)
INITIATIVES = Kind("policySetDefinitions", "PolicySetDefinitions", _defined)
ASSIGNMENTS = Kind("policyAssignments", "PolicyAssignments", Assignment.parse)
EXEMPTIONS = Kind("policyExemptions", "PolicyExemptions", Exemption.parse)


def get(call: Call, kind: Kind) -> Answer:
    """One document: what people put, else what was published."""
    kept = call.instance.state.arm_documents.get(call.path.lower().rstrip("/"))
    if kept is not None and visible(call.reach, kept.key):
        return Answer(kept.body)
    published = call.instance.shelf.newest()
    found = published.listing.get(call.path, call.reach) if published is not None else None
    if found is None:
        raise missing(f"The {kind.word} '{call.path.rstrip('/').rsplit('/', 1)[-1]}'")
    return Answer(found)


def all_(call: Call, kind: Kind) -> Answer:
    """The documents below a scope: those that people put first, then what was published, page by page."""
    after = resumed(call)
    kept = call.instance.state.arm_documents.all([kind.type.lower()], call.below)
    mine = [one.body for one in kept if visible(call.reach, one.key)] if not after else []
    published = call.instance.shelf.newest()
    if published is None:
        return listed(call, mine)
    below = "" if kind in (DEFINITIONS, INITIATIVES) else call.below
    page = published.listing.page([kind.type.lower()], call.reach, below, after=after, most=call.top(1000))
    put = {one.key for one in kept}
    shown = [body for body in page.bodies if str(body["id"]).lower() not in put]
    return listed(call, [*mine, *shown], page.after)


def put(call: Call, kind: Kind) -> Answer:
    """Keep a document; it is judged by in the next assessment, which begins soon."""
    properties = call.body.get("properties")
    if not isinstance(properties, dict):
        raise bad("The request content has no 'properties'.", "properties")
    id_ = call.path.rstrip("/")
    body = {**call.body, "id": id_, "name": id_.rsplit("/", 1)[-1], "type": kind.type}
    try:
        kind.check(body)
    except PolicyError as error:
        raise bad(
            error.message, error.path, f"InvalidPolicy{kind.word.removeprefix('policy')[:-1]}"
        ) from error
    new = call.instance.put(body, kind.type, call.caller.name, call.caller.address)
    return Answer(body, 201 if new else 200)


def delete(call: Call, kind: Kind) -> Answer:
    """Forget a document that was put; 204 where there is none. What content or the estate has cannot be deleted here."""
    key = call.path.lower().rstrip("/")
    kept = call.instance.state.arm_documents.get(key)
    if kept is None:
        return NO_CONTENT
    call.instance.remove(key, kind.type, call.caller.name, call.caller.address)
    return Answer(kept.body)


def visible(reach: Reach, key: str) -> bool:
    """Whether a document at an id may be read."""
    id_ = ResourceId.parse(key)
    return reach.sees(id_.subscription, id_.resource_group_id) or (not id_.subscription and not reach.nothing)


def _declare(kind: Kind) -> None:
    """The operations of a kind, at every scope that ARM has."""
    type_, one = f"{{scope}}/providers/{kind.type}", f"{{scope}}/providers/{kind.type}/{{name}}"

    @SURFACE.get(type_, f"{kind.operations}_List", f"{kind.type}/read")
    def _list(call: Call) -> Answer:
        """The documents of a kind below a scope."""
        return all_(call, kind)

    @SURFACE.get(one, f"{kind.operations}_Get", f"{kind.type}/read")
    def _get(call: Call) -> Answer:
        """One document."""
        return get(call, kind)

    @SURFACE.put(one, f"{kind.operations}_CreateOrUpdate", f"{kind.type}/write")
    def _put(call: Call) -> Answer:
        """Create or replace one; the next assessment is judged by it and begins soon."""
        return put(call, kind)

    @SURFACE.delete(one, f"{kind.operations}_Delete", f"{kind.type}/delete")
    def _delete(call: Call) -> Answer:
        """Delete one that was put."""
        return delete(call, kind)


for _kind in (DEFINITIONS, INITIATIVES, ASSIGNMENTS, EXEMPTIONS):
    _declare(_kind)
