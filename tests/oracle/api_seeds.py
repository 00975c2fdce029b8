"""What a server is given before an example is asked of it: by publishing what an evaluation would, by its own PUT."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import api_policy_seeds as policies
from api_example import Example
from api_restriction_seeds import restricting
from api_server import Server, is_resource, machines_in, told

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId

FILLERS = 1000
#: Lists that have also what the server has by itself.
WITH_OWN = ("/entityqueries",)
READ_ONLY = ("id", "name", "type", "etag")
#: Kinds with a store of their own, which are put by the API and not published.
STORES = (
    "incidents",
    "bookmarks",
    "watchlists",
    "threatintelligence",
    "alertrules",
    "alertssuppressionrules",
)
_SEGMENT = re.compile(r"\{[^}]*\}")
_WORKSPACE = re.compile(r"/workspaces/([^/]+)", re.IGNORECASE)
REMEDIATED = "/providers/Microsoft.Authorization/policyAssignments/a"
PARENTS: Mapping[str, Mapping[str, Any]] = {
    "incidents": {"title": "An incident", "severity": "High", "status": "New"},
    "bookmarks": {"displayName": "A bookmark", "query": "print 1"},
}


#: What a document must say to be kept, where no example of the file puts one.
DELETED: Mapping[str, Mapping[str, Any]] = {
    **PARENTS,
    "alertssuppressionrules": {"alertType": "x", "reason": "Noise", "state": "Enabled"},
    "remediations": {"policyAssignmentId": REMEDIATED},
    "workspacesettings": {"workspaceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"},
    "securitycontacts": {"emails": "a@example.com"},
    "watchlists": {
        "displayName": "A list", "provider": "Example", "source": "Local file", "itemsSearchKey": "key", "rawContent": "key\n",
    },
    "watchlistitems": {"itemsKeyValue": {"key": "value"}},
    "relations": {"relatedResourceId": "/providers/Microsoft.SecurityInsights/incidents/i"},
    "actions": {"logicAppResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/w"},
}  # fmt: skip


class UnseededError(Exception):
    """What an example is about could not be made; the message says why."""


@dataclass(frozen=True)
class Seeded:
    """What is wanted then. `exact`: the values are known, not only their types; `paged`: a page with more behind it is asked for;
    `among`: a list has also what comes with content; `more`: it is the server's own, and only what elements look like is known.
    """

    wanted: Any
    exact: bool = False
    paged: bool = False
    among: bool = False
    more: bool = False


class Seeding:
    """Seeds a server; `bodies` maps templates to bodies that examples PUT there."""

    def __init__(self, server: Server, several: Sequence[Example]) -> None:
        self.server = server
        self.bodies = {shape(one.template): one.body for one in several if one.method == "PUT" and one.body}

    def machines(self, example: Example) -> frozenset[str]:
        """The machines that an example names in what it puts, or what is put before it."""
        return machines_in([example.body, self.bodies.get(shape(example.template))])

    def seed(self, example: Example) -> Seeded:
        """Have what an example reads or acts on; UnseededError where that cannot be."""
        self._workspaces(example)
        lowered = example.id.lower()
        for ending, seed in self._special().items():
            if lowered.endswith(ending):
                return seed(example)
        if store_of(lowered):
            return self._stored(example)
        if example.method == "GET" and isinstance(example.answer, dict):
            return self._published(example)
        if example.method == "PATCH":
            self._unchanged(example)
        if example.method == "POST" and "/alerts/" in lowered:
            self.server.publish(
                [_bound({"properties": {"status": "Active", "state": "Active"}}, lowered.rpartition("/")[0])]
            )
        return Seeded(example.answer)

    def _unchanged(self, example: Example) -> None:
        """What an example patches, without what it sends where it can be without."""
        kept = {name: one for name, one in (example.answer or {}).items() if name not in READ_ONLY}
        several = [without(kept, example.body), kept, example.body]
        for body in several:
            answer = self.server.ask(example, "PUT", body=self.server.known(body))
            if answer.status_code in (200, 201):
                return
        raise UnseededError(f"nothing to change: {told(answer)}")

    def _workspaces(self, example: Example) -> None:
        for name in _WORKSPACE.findall(example.id):
            self.server.workspace(name)

    def _special(self) -> Mapping[str, Callable[[Example], Seeded]]:
        return {
            "/queryresults": self._rows,
            "/summarize": self._summary,
            "/cancel": self._remediation,
            "/listdeployments": self._remediation,
            "/bookmarks": self._bookmarks,
            "/replacetags": self._indicator,
            "/appendtags": self._indicator,
            "/resourcechanges": self._changes,
            "/checkpolicyrestrictions": self._restrictions,
            "/operations": lambda example: Seeded(example.answer, more=True),
        }

    def _rows(self, example: Example) -> Seeded:
        word = "policyEvents" if "/policyevents/" in example.id.lower() else "policyStates"
        self.server.publish(policies.documents(example, word), policies.groups_of(_container(example)))
        return Seeded(example.answer)

    def _summary(self, example: Example) -> Seeded:
        self.server.publish(policies.summarized(example), policies.groups_of(_container(example)))
        return Seeded(example.answer)

    def _restrictions(self, example: Example) -> Seeded:
        """Policies that would restrict a planned resource as the answer says."""
        for id_, properties in restricting(example.answer):
            answer = self.server.ask(example, "PUT", id_, {"properties": properties})
            if answer.status_code not in (200, 201):
                raise UnseededError(f"not put: {told(answer)}")
        return Seeded(example.answer)

    def _remediation(self, example: Example) -> Seeded:
        states = policies.followed(example, REMEDIATED, "NonCompliant")
        self.server.publish(states, policies.groups_of(_container(example)))
        path = example.path.rpartition("/")[0]
        answer = self.server.ask(example, "PUT", path, {"properties": {"policyAssignmentId": REMEDIATED}})
        if answer.status_code not in (200, 201):
            raise UnseededError(f"no remediation: {told(answer)}")
        return Seeded(example.answer)

    def _changes(self, example: Example) -> Seeded:
        """As many changes as the pages before, the page that is wanted and the one behind it have."""
        data = self.server.instance.data
        shutil.rmtree(data / "estate", ignore_errors=True)
        asked, answer = example.body, example.answer
        pages = 1 + ("$skipToken" in asked) + ("$skipToken" in answer)
        id_ = (asked.get("resourceIds") or [asked.get("resourceId")])[0]
        start = datetime.fromisoformat(asked["interval"]["start"])
        coverage = Coverage(
            {id_.lower().split("/resourcegroups/")[0]: frozenset({"microsoft.storage/storageaccounts"})}
        )
        store = EstateStore(data)
        for at in range(pages * len(answer["changes"]) + 1):
            body = {
                "id": id_,
                "type": "Microsoft.Storage/storageAccounts",
                "name": "x",
                "properties": {"at": at},
            }
            store.append(
                Estate.of([Resource.of(body)], coverage), start - timedelta(hours=1) + timedelta(hours=2 * at)
            )
        return Seeded(answer)

    def _bookmarks(self, example: Example) -> Seeded:
        """The bookmarks of an incident, or of a workspace."""
        if example.method == "GET":
            return self._stored(example)
        incident = example.path.rpartition("/")[0]
        self.server.ask(example, "PUT", incident, {"properties": dict(PARENTS["incidents"])})
        for one in example.answer["value"]:
            path = f"{incident.rpartition('/incidents/')[0]}/bookmarks/{one['name']}"
            relation = f"{incident}/relations/{one['name']}"
            for at, body in ((path, one["properties"]), (relation, {"relatedResourceId": path})):
                answer = self.server.ask(example, "PUT", at, {"properties": body})
                if answer.status_code not in (200, 201):
                    raise UnseededError(f"not put: {told(answer)}")
        return Seeded(example.answer)

    def _indicator(self, example: Example) -> Seeded:
        """The indicator that an example changes."""
        body = {"kind": "indicator", "properties": example.answer["properties"]}
        answer = self.server.ask(example, "PUT", example.path.rpartition("/")[0], body)
        if answer.status_code not in (200, 201):
            raise UnseededError(f"not put: {told(answer)}")
        return Seeded(example.answer)

    def _stored(self, example: Example) -> Seeded:
        """Elements of the answer, each put at its own path; what they stand in is put before."""
        if example.method != "GET":
            self._parents(example.path, example)
            return Seeded(example.answer)
        several = example.answer.get("value") if isinstance(example.answer.get("value"), list) else None
        for one in several if several is not None else [example.answer]:
            path = f"{example.path}/{one.get('name')}" if several is not None else example.path
            self._parents(path, example, one)
            self._holder(path, example, one)
            sent = {name: value for name, value in one.items() if name not in READ_ONLY}
            answer = self.server.ask(example, "PUT", path, self.server.known(later(sent)))
            if answer.status_code not in (200, 201):
                raise UnseededError(f"not put: {told(answer)}")
        return Seeded(
            example.answer, among=several is not None and store_of(example.id.lower()) == "alertrules"
        )

    def _holder(self, path: str, example: Example, one: Mapping[str, Any]) -> None:
        """Put the incident that a bookmark says it is in."""
        id_ = one.get("properties", {}).get("incidentInfo", {}).get("incidentId")
        if id_:
            incident = f"{path.rpartition('/bookmarks/')[0]}/incidents/{id_}"
            self.server.ask(example, "PUT", incident, {"properties": dict(PARENTS["incidents"])})

    def _parents(self, path: str, example: Example, one: Mapping[str, Any] | None = None) -> None:
        """Put what the document at a path stands in."""
        words = path.rpartition("/providers/")[2].split("/")
        if len(words) < 4:
            return
        parent = path.rsplit("/", 2)[0]
        properties = PARENTS.get(words[1].lower())
        if words[1].lower() == "watchlists":
            cells = _cells(one) or _cells(example.body) or {"key": "value"}
            properties = {
                "displayName": "A list", "provider": "Example", "source": "Local file", "itemsSearchKey": next(iter(cells)),
                "rawContent": ",".join(cells) + "\n",
            }  # fmt: skip
        if properties is not None:
            self.server.ask(example, "PUT", parent, {"properties": dict(properties)})

    def _published(self, example: Example) -> Seeded:
        """The documents of the answer as those of an estate, under the ids that the request names."""
        wanted, path = example.answer, example.id
        if isinstance(wanted.get("value"), list):
            if not all(isinstance(one, dict) for one in wanted["value"]):
                return Seeded(wanted)
            several = [_listed(one, path) for one in wanted["value"]]
            paged = bool(wanted.get("nextLink"))
            fillers = (
                [{**several[-1], "id": f"{several[-1]['id']}~{at:04d}"} for at in range(FILLERS)]
                if paged and several
                else []
            )
            self.server.publish([*several, *fillers])
            own = not paged and path.lower().endswith(WITH_OWN)
            return Seeded({**wanted, "value": several}, exact=True, paged=paged, among=own)
        if "properties" not in wanted and "id" not in wanted:
            return Seeded(wanted)
        document = _bound(wanted, path)
        self.server.publish([document])
        return Seeded(document, exact=True)

    def put(self, example: Example) -> None:
        """Have the document that an example deletes: put as an example of the same path does, or with no properties."""
        self._workspaces(example)
        if store_of(example.id.lower()):
            self._parents(example.path, example)
        word = shape(example.template).split("/")[-2]
        body = self.bodies.get(shape(example.template), {"properties": dict(DELETED.get(word, {}))})
        answer = self.server.ask(example, "PUT", body=body)
        if answer.status_code not in (200, 201, 202):
            raise UnseededError(f"nothing to delete: {told(answer)}")


def _cells(document: Any) -> dict[str, Any]:
    """The cells of a watchlist's item; {} where the document is none, as of a request without a body."""
    properties = document.get("properties") if isinstance(document, dict) else None
    cells = properties.get("itemsKeyValue") if isinstance(properties, dict) else None
    return cells if isinstance(cells, dict) else {}


def without(value: Any, sent: Any) -> Any:
    """A document without what another has at the same place."""
    if not (isinstance(value, dict) and isinstance(sent, dict)):
        return value
    return {
        name: without(one, sent.get(name))
        for name, one in value.items()
        if name not in sent or isinstance(sent[name], dict)
    }


def later(value: Any) -> Any:
    """A document whose ends of validity, which were recorded long ago, lie ahead."""
    if isinstance(value, dict):
        ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        return {
            name: ends if "expir" in name.lower() and isinstance(one, str) else later(one)
            for name, one in value.items()
        }
    return value


def shape(template: str) -> str:
    """A template whatever its parameters are called."""
    return _SEGMENT.sub("{}", template).lower()


def store_of(path: str) -> str:
    """The kind with a store of its own that a lower-cased path is about, '' where it is another."""
    words = path.rpartition("/providers/")[2].split("/")
    return (
        words[1]
        if len(words) > 1 and words[1] in STORES and (len(words) < 4 or words[-2] != "actions")
        else ""
    )


def _container(example: Example) -> str:
    scope = policies.scope_of(example)
    return scope.split("/providers/Microsoft.Authorization/")[0]


def _bound(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {**document, "id": path}


def _listed(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A document of a list under an id below the path of the list."""
    name = str(document.get("name") or str(document.get("id", "")).rsplit("/", 1)[-1])
    # some documents have their whole path for a name
    name = name.strip("/").replace("/", "~")
    before, _, tail = path.rpartition("/providers/")
    own = str(document.get("id", "")).rpartition("/providers/")[2]
    words = tail.lower().split("/")
    id_ = f"{before}/providers/{own}"
    # an id of the kind, inside of what the path names
    inside = own.lower().startswith(f"{tail.lower()}/") if len(words) > 2 else True
    kept = inside and is_resource(id_) and ResourceId.parse(id_).type.endswith(f"/{words[-1]}")
    return {**document, "id": f"{before}/providers/{own if kept else f'{tail}/{name}'}"}
