"""Graph's recorded examples: which of them the product answers, what they are about, and how an answer is compared."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from api_compare import difference
from api_server import Server, told

from nephoscope.identity.risk_decisions import REMEDIATIONS
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.identity_risk import IdentityKind, RiskLevel, RiskState, RiskyIdentity

#: Collections that a snapshot of the directory holds -> the pseudo type of their objects.
DIRECTORY = {
    "users": "users",
    "groups": "groups",
    "serviceprincipals": "serviceprincipals",
    "applications": "applications",
    "oauth2permissiongrants": "oauth2permissiongrants",
    "identity/conditionalaccess/policies": "policies",
    "identity/conditionalaccess/namedlocations": "namedlocations",
    "rolemanagement/directory/roleassignments": "roleassignments",
    "reports/authenticationmethods/userregistrationdetails": "userregistrationdetails",
}
LOGS = ("auditlogs/signins", "auditlogs/directoryaudits")
RISK = "identityprotection/"
#: (what a path begins with or contains, why the product does not answer it), the first that fits.
OUT = (
    (r"^(identityriskevents|impossibletravelriskevents|leakedcredentialsriskevents|unfamiliarlocationriskevents|"
     r"anonymousipriskevents|malwareriskevents|suspiciousipriskevents)\b", "retired: replaced by identityProtection/riskDetections"),
    (r"^(riskyusers|riskdetections)\b", "retired: beta paths that moved to identityProtection"),
    (r"^privileged(access|roles|roleassignments|roleassignmentrequests|operationevents|approval)\b",
     "retired: the beta of privileged identity management before roleManagement"),
    (r"^(identitygovernance|accessreviews|policies/accessreview)", "access reviews are not collected"),
    (r"^subscriptions\b", "change notifications: the product polls"),
    (r"^me\b", "of a signed-in user: the product reads with an application's permission"),
    (r"^devices\b", "devices are not collected"),
    (r"^directoryrole(s|templates)\b", "directory roles are read as roleManagement/directory/roleAssignments"),
    (r"^rolemanagement/(cloudpc|devicemanagement|entitlementmanagement)", "roles of other products than the directory"),
    (r"^rolemanagement/directory/(?!roleassignments\b)", "role definitions and schedules are not collected"),
    (r"^security/", "posture and alerts are answered on Azure Resource Manager's paths"),
    (r"^(policies|reports|identity/conditionalaccess/authenticationcontext)", "settings that are not collected"),
)  # fmt: skip
WRITES = "a change of the directory, which the product never makes in Graph's place"
BELOW = "a navigation property or function that is not collected"
#: What a page prints in the place of a value.
_PRINTED = {
    "boolean": True,
    "int32": 0,
    "int64": 0,
    "string": "none",
    "string (timestamp)": "2026-01-01T00:00:00Z",
    "string (identifier)": "none",
}


@dataclass(frozen=True)
class GraphExample:
    """A request and its recorded answer."""

    id: str
    version: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    answer: Any

    @property
    def below(self) -> str:
        """The lower-cased path behind the version."""
        return self.path.partition("/")[2].partition("/")[2].lower()

    @property
    def reason(self) -> str:
        """Why it is not compared, '' where it is."""
        path = self.below
        if path.startswith(LOGS) or path.startswith(RISK):
            return ""
        found = next((why for pattern, why in OUT if re.search(pattern, path)), "")
        if found:
            return found
        if self.method != "GET":
            return WRITES
        return "" if self.collection else BELOW

    @property
    def collection(self) -> str:
        """The collection of the directory that it lists, counts or takes one of, '' = none."""
        return next(
            (name for name in DIRECTORY if re.fullmatch(rf"{name}(/(?!delta\b)[^/]+)?", self.below)), ""
        )

    @property
    def of_one(self) -> bool:
        """Whether it asks for one object."""
        known = self.collection or next((one for one in LOGS if self.below.startswith(one)), "")
        if self.below.startswith(RISK):
            return self.below.count("/") in (2, 4)
        return bool(known) and self.below != known and not self.below.endswith("/$count")


def examples(path: Path) -> Iterator[GraphExample]:
    """All examples whose page could be read."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["parsable"]:
                yield _example(row)


def _example(row: Mapping[str, Any]) -> GraphExample:
    parts = urlsplit(row["url"].replace("https://graph.microsoft.com", ""))
    answer = row["response"]
    id_ = next(
        (str(one["id"]) for one in _objects(answer) if "id" in one), "00000000-0000-4000-8000-000000000001"
    )
    path = re.sub(r"\{[^}]*\}", id_, parts.path)
    query = {
        re.sub("^filter$", "$filter", name.strip()): value.strip() for name, value in parse_qsl(parts.query)
    }
    return GraphExample(
        row["id"], row["api"], row["method"], path, query, row["request_body"], row["status"], _values(answer)
    )


def _values(value: Any) -> Any:
    """An answer whose printed types are values of them."""
    if isinstance(value, dict):
        return {name: _values(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_values(one) for one in value]
    return _PRINTED.get(value.lower(), value) if isinstance(value, str) else value


def _objects(answer: Any) -> list[dict[str, Any]]:
    """The objects of an answer: some pages print one as a list, or within `value`."""
    if not isinstance(answer, dict):
        return []
    given = answer.get("value", answer)
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]


class GraphChecking:
    """Asks the examples of a server, one after another, each about objects of its own."""

    def __init__(self, server: Server) -> None:
        self.server, self.sequence = server, 0

    def disagreement(self, example: GraphExample) -> str:
        """What does not agree, '' where all does."""
        wanted = _objects(example.answer)
        seeds = [_satisfying(one, example.query) for one in wanted]
        if example.of_one and len(seeds) == 1:
            seeds = [{**seeds[0], "id": _id_in(example.path)}]
        self._seed(example, seeds)
        answer = self.server.client.request(
            example.method, example.path, params=dict(example.query), json=example.body,
            headers={"ConsistencyLevel": "eventual"},
        )  # fmt: skip
        if answer.status_code != example.status:
            return told(answer)
        if example.status == 204:
            return "" if not answer.content else "a body where there is none"
        if example.path.endswith("$count"):
            return "" if answer.text.isdecimal() else f"no number: {answer.text[:40]!r}"
        return self._compared(example, wanted, answer.json())

    def _compared(self, example: GraphExample, wanted: list[dict[str, Any]], found: dict[str, Any]) -> str:
        if "@odata.context" not in found:
            return "$.@odata.context: missing"
        if example.of_one:
            return difference(_bare(wanted[0]), _bare(found), more=True)
        keys = {str(one.get("id")).lower() for one in wanted}
        name = "userId" if "/history" in example.path else "id"
        mine = [one for one in found["value"] if example.collection or str(one.get(name)).lower() in keys]
        return difference(_bare(wanted), _bare(mine), more=True)

    def _seed(self, example: GraphExample, wanted: list[dict[str, Any]]) -> None:
        if example.collection:
            self._publish(f"microsoft.graph/{DIRECTORY[example.collection]}", wanted)
        elif example.below.startswith(LOGS):
            self._ingest(wanted)
        elif "/history" in example.below:
            for one in seeds_of_history(wanted):
                self._decide(one)
        else:
            ids = (example.body or {}).get("userIds") or []
            one = {
                "riskLevel": "high",
                "riskState": "atRisk",
                "riskLastUpdatedDateTime": "2026-01-01T00:00:00Z",
                "isDeleted": False,
            }
            asked = [{**one, "id": id_, "userPrincipalName": "a@contoso.com"} for id_ in ids]
            self._ingest(asked or wanted)

    def _decide(self, one: dict[str, Any]) -> None:
        """A change of a risk that somebody made, as the product keeps it."""
        state, now = self.server.instance.state, datetime.now(UTC)
        identity = RiskyIdentity(
            kind=IdentityKind.USER, id=one["id"], level=RiskLevel.LOW, state=RiskState.AT_RISK, updated=now,
            name=one["userPrincipalName"], display_name=one["userDisplayName"],
        )  # fmt: skip
        detail = str(one["riskDetail"])
        with state.transaction(product="the set-up of a runner") as session:
            ledger = RiskLedger(state, "default", now)
            ledger.decide(session, [identity], (), REMEDIATIONS[detail], detail, str(one["initiatedBy"]))

    def _publish(self, kind: str, several: list[dict[str, Any]]) -> None:
        ids = [str(one.get("id") or f"none-{at}") for at, one in enumerate(several)]
        self.server.publish(
            [
                {
                    "id": f"/providers/{kind}/{id_}",
                    "name": id_,
                    "type": kind,
                    "properties": {**one, "id": id_},
                }
                for id_, one in zip(ids, several, strict=True)
            ]
        )

    def _ingest(self, several: list[dict[str, Any]]) -> None:
        """Rows as the product's formats make them of Graph's objects."""
        lake, state = self.server.instance.lake, self.server.instance.state
        now = datetime.now(UTC)
        for one in several:
            sent = {name: value for name, value in one.items() if not name.startswith("@")}
            times = {name: now.isoformat() for name in sent if name.endswith("DateTime")}
            data = json.dumps({**sent, **times}).encode()
            tables = {}
            for batch in read_batches(
                io.BytesIO(data), load_formats(), StreamContext(source="oracle", now=now)
            ):
                for table, placed in batch.rows.items():
                    rows = [dict(row.row.values) for row in placed]
                    tables[table] = to_arrow_rows(
                        lake.tables[table], rows, workspace=state.workspaces.get(), now=now
                    ).table
            self.sequence += 1
            lake.writer().append("default", tables, producer="oracle", sequence=self.sequence)
        lake.flush()


def seeds_of_history(several: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of a history as changes, each of the user that it names."""
    return [{**one, "id": one["userId"]} for one in several]


def _id_in(path: str) -> str:
    """The id of the object that a path is of or below."""
    return re.sub(r"/history.*", "", path).rsplit("/", 1)[1]


def _bare(value: Any) -> Any:
    """A value without annotations; a column of text has no null, so that an empty text and null are one."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if not name.startswith("@")}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return None if value == "" else value


def _satisfying(one: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """An object that `$filter` and `$search` pick: pages name fields in them that their answers do not show, or show otherwise."""
    found = dict(one)
    for name, path, text in re.findall(
        r"(startswith|endswith)\((\w+),\s*'([^']*)'\)", query.get("$filter", ""), re.IGNORECASE
    ):
        value = str(found.get(path) or "")
        found[path] = f"{text}{value}" if name.lower() == "startswith" else f"{value}{text}"
    for path, inner in re.findall(r"(\w+)/any\(\w+:(.*)\)", query.get("$filter", "")):
        found.setdefault(path, [dict(re.findall(r"\w+/(\w+)\s+eq\s+'?([^'\s)]+)", inner))])
    for path, text in re.findall(
        r"(?<![/\w])(\w+)(?:\s|\+)+eq(?:\s|\+)+'?([^'&\s)]+)", query.get("$filter", "")
    ):
        found[path] = {"true": True, "false": False}.get(text, text)
    if match := re.match(r'"(\w+):(\w+)"', query.get("$search", "")):
        found[match[1]] = f"{match[2]} {found.get(match[1]) or ''}"
    return found
