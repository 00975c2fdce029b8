"""Azure's recorded examples against the API: `python tests/oracle/api_examples.py examples.jsonl [-v]`.

Every example of Resource Graph, Security, PolicyInsights, SecurityInsights, and the query of OperationalInsights. For a reading
operation the documents of the example's answer are published first, as those of an estate are, under the ids that the request names
(many examples answer with other ids than they ask for); then status and body must be those of the example, letter for letter but for
the case of ids and types and the order of lists. A PUT must answer with one of the example's statuses and what was sent, be read back
equal, be listed, be deleted, and be gone. A DELETE deletes what was kept and answers with one of the example's statuses. `N/M match`
counts examples; -v prints every disagreement, one a line; --operations a table of operations.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.testclient import TestClient

from nephoscope.api.server import app
from nephoscope.instance import NO_TENANT, Instance
from nephoscope.lake.state.principals import PrincipalKind, SecretKind
from nephoscope.model.resource_id import ResourceId
from nephoscope.posture.published.document import Document
from nephoscope.posture.published.graph_tables import table_of
from nephoscope.posture.published.made import Made
from nephoscope.posture.published.publishing import publish_documents

PROVIDERS = (
    "Microsoft.ResourceGraph",
    "Microsoft.Security",
    "Microsoft.PolicyInsights",
    "Microsoft.SecurityInsights",
)
QUERIES = ("Query_Execute", "Query_Get")
STATES = "Microsoft.PolicyInsights/policyStates"
#: The workspaces that the examples name.
WORKSPACES = ("myWorkspace", "azure-insights")
#: What the documents of an example were made from.
NOTHING = Made(datetime(2026, 11, 1, tzinfo=UTC), "/", 0, None, 0.0, 0.0, {}, (), {}, (), (), 0, {}, {})


@dataclass(frozen=True)
class Example:
    """One example, as it is recorded."""

    provider: str
    operation: str
    method: str
    template: str
    parameters: Mapping[str, Any]
    responses: Mapping[str, Mapping[str, Any]]

    @property
    def path(self) -> str:
        """The path with its parameters filled in."""
        text = self.template
        for name, value in self.parameters.items():
            if not isinstance(value, dict):
                text = text.replace(f"{{{name}}}", str(value).strip("/"))
        return quote(text, safe="/$()',:@ ").replace(" ", "%20")

    @property
    def query(self) -> dict[str, str]:
        """What goes into the query string."""
        rest = {
            name: str(value)
            for name, value in self.parameters.items()
            if not isinstance(value, (dict, list)) and f"{{{name}}}" not in self.template
        }
        return {"api-version": "2020-01-01", **rest}

    @property
    def body(self) -> Any:
        """What is sent, None where nothing is."""
        return next((value for value in self.parameters.values() if isinstance(value, (dict, list))), None)

    @property
    def statuses(self) -> set[int]:
        """The statuses that it may be answered with."""
        return {int(one) for one in self.responses}

    @property
    def answer(self) -> Any:
        """The body of the answer of success."""
        return next(
            (one.get("body") for status, one in sorted(self.responses.items()) if status.startswith("2")),
            None,
        )


def examples(path: Path) -> Iterator[Example]:
    """The examples that count, in the order of the file."""
    for line in path.read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if row["provider"] in PROVIDERS or row["operationId"] in QUERIES:
            given = row["example"]
            yield Example(
                row["provider"], row["operationId"], row["method"].upper(), row["path"], given["parameters"], given["responses"]
            )  # fmt: skip


def bound(document: Mapping[str, Any], path: str, *, one: bool) -> dict[str, Any]:
    """A document under the id that the request names: its own path, or below the path of the list."""
    if one:
        return {**document, "id": path}
    name = str(document.get("name") or str(document.get("id", "")).rsplit("/", 1)[-1])
    before, _, tail = path.rpartition("/providers/")
    own = str(document.get("id", "")).rpartition("/providers/")[2]
    word = tail.lower().rpartition("/")[2]
    kept = (
        own
        if word in own.lower().split("/") and is_resource(f"{before}/providers/{own}")
        else f"{tail}/{name}"
    )
    return {**document, "id": f"{before}/providers/{kept}"}


def is_resource(id_: str) -> bool:
    """Whether an id can be one of a resource; some examples answer with others."""
    try:
        return bool(ResourceId.parse(id_).type)
    except ValueError:
        return False


def plain(value: Any) -> Any:
    """A body to compare: ids and types in one case."""
    if isinstance(value, dict):
        return {
            name: one.lower() if name in ("id", "type", "name") and isinstance(one, str) else plain(one)
            for name, one in value.items()
        }
    if not isinstance(value, list):
        return value
    several = [plain(one) for one in value]
    return (
        sorted(several, key=lambda one: one["id"])
        if all(isinstance(one, dict) and "id" in one for one in several)
        else several
    )


def covers(wanted: Any, found: Any) -> bool:
    """Whether all that is wanted is in what was found."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(name in found and covers(value, found[name]) for name, value in wanted.items())
    return bool(wanted == found)


class Checking:
    """Asks a server in this process, by its ASGI app, as an owner."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        with instance.state.transaction() as session:
            owner = instance.state.principals.add(session, PrincipalKind.PROGRAM, "oracle")
            instance.state.principals.grant(session, owner.id, "Owner", "/", "oracle")
        for name in WORKSPACES:
            instance.state.workspaces.add(name.lower())
        token = instance.guard.make_secret(owner, SecretKind.TOKEN, "oracle")
        self.client = TestClient(
            app(instance), base_url="https://127.0.0.1", headers={"Authorization": f"Bearer {token}"}
        )

    def disagreement(self, example: Example) -> str:
        """What does not agree, '' where all does."""
        self._publish([])
        try:
            if example.method == "PUT":
                return self._written(example)
            if example.method == "DELETE":
                return self._deleted(example)
            return self._read(example)
        finally:
            self._forget(example)

    def ask(self, example: Example, method: str = "", path: str = "") -> Any:
        """An answer; requests of one example go to one path but for that of its list."""
        body = example.body if (method or example.method) in ("PUT", "POST", "PATCH") else None
        return self.client.request(
            method or example.method, path or example.path, params=example.query, json=body
        )

    def _read(self, example: Example) -> str:
        wanted = self._seeded(example)
        answer = self.ask(example)
        if answer.status_code not in example.statuses:
            return told(answer)
        found = answer.json() if answer.content else None
        if (
            isinstance(found, dict)
            and isinstance(wanted, dict)
            and "nextLink" in wanted
            and "nextLink" not in found
        ):
            return "the list has no second page here"
        return (
            "" if plain(found) == plain(wanted) else f"other body: {different(plain(wanted), plain(found))}"
        )

    def _seeded(self, example: Example) -> Any:
        """Keep the documents of the answer; the answer as it is wanted then."""
        wanted = example.answer
        if example.operation.startswith("PolicyStates_List") and isinstance(wanted, dict):
            return self._states(example, wanted)
        if (
            example.method != "GET"
            or not isinstance(wanted, dict)
            or not {"value", "properties"} & wanted.keys()
        ):
            return wanted
        path = example.path.replace("%20", " ")
        if isinstance(wanted.get("value"), list):
            several = [bound(one, path, one=False) for one in wanted["value"] if isinstance(one, dict)]
            self._publish(several)
            return {**wanted, "value": several}
        document = bound(wanted, path, one=True)
        self._publish([document])
        return document

    def _states(self, example: Example, wanted: dict[str, Any]) -> dict[str, Any]:
        """The rows of the answer as policy states below what is asked about; addresses begin as this server's do."""
        scope = example.path.lower().rpartition("/providers/")[0].replace("%20", " ")
        documents = [
            {
                "id": f"{scope}/providers/{STATES}/{at}",
                "type": STATES,
                "properties": {name: value for name, value in row.items() if not name.startswith("@odata")},
            }
            for at, row in enumerate(wanted["value"])
        ]
        self._publish(documents)
        context = f"https://127.0.0.1{scope}/providers/Microsoft.PolicyInsights/policyStates/$metadata#latest"
        rows = [
            {**row, **({"@odata.context": f"{context}/$entity"} if "@odata.context" in row else {})}
            for row in wanted["value"]
        ]
        return {
            **wanted,
            "value": rows,
            **({"@odata.context": context} if "@odata.context" in wanted else {}),
        }

    def _publish(self, documents: Iterable[Mapping[str, Any]]) -> None:
        found = [Document.of(one) for one in documents if is_resource(one["id"])]
        publish_documents(
            self.instance.data, [(one, table_of(one.id.type)) for one in found], NOTHING, NO_TENANT
        )

    def _keep(self, document: dict[str, Any]) -> None:
        self.instance.put(document, ResourceId.parse(document["id"]).type, "oracle")

    def _written(self, example: Example) -> str:
        answer = self.ask(example)
        if answer.status_code not in example.statuses:
            return told(answer)
        put = answer.json()
        sent = {
            name: value
            for name, value in (example.body or {}).items()
            if name not in ("etag", "id", "name", "type")
        }
        if not covers(sent, put):
            return f"what was sent is not what is kept: {different(sent, put)}"
        read = self.ask(example, "GET")
        if read.status_code != 200 or read.json() != put:
            return f"not read back equal: {told(read)}"
        listed = self.ask(example, "GET", example.path.rpartition("/")[0])
        if listed.status_code != 200 or put not in listed.json()["value"]:
            return f"not listed: {told(listed)}"
        gone = self.ask(example, "DELETE")
        if gone.status_code not in (200, 204) or self.ask(example, "GET").status_code != 404:
            return f"not deleted: {told(gone)}"
        return ""

    def _deleted(self, example: Example) -> str:
        path = example.path.replace("%20", " ")
        self._keep({"id": path, "name": path.rsplit("/", 1)[-1], "properties": {}})
        answer = self.ask(example)
        if answer.status_code not in example.statuses:
            return told(answer)
        left = self.ask(example, "GET").status_code
        return "" if left == 404 else f"still answered with {left} after it was deleted"

    def _forget(self, example: Example) -> None:
        """Nothing is left for the next example."""
        kept = self.instance.state.arm_documents.get(example.path.replace("%20", " ").lower())
        if kept is not None:
            self.instance.remove(kept.key, kept.type, "oracle")


def told(answer: Any) -> str:
    """A status with the code of its error."""
    try:
        error = answer.json().get("error", {})
    except ValueError:
        return str(answer.status_code)
    code, message = error.get("code", ""), error.get("message", "")
    return f"{answer.status_code} {code} {message[:90]}".strip()


def different(wanted: Any, found: Any, path: str = "$") -> str:
    """The first place where two bodies differ."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                return different(wanted.get(name), found.get(name), f"{path}.{name}")
    if isinstance(wanted, list) and isinstance(found, list):
        for at, (one, other) in enumerate(zip(wanted, found, strict=False)):
            if one != other:
                return different(one, other, f"{path}[{at}]")
        return f"{path}: {len(found)} of {len(wanted)} items"
    return f"{path}: {json.dumps(found)[:60]} for {json.dumps(wanted)[:60]}"


def main() -> int:
    """Check all, print the sum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="Print every disagreement.")
    parser.add_argument("--operations", action="store_true", help="Print a table of operations.")
    asked = parser.parse_args()
    matched: Counter[str] = Counter()
    total: Counter[str] = Counter()
    by_operation: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="api-examples-") as folder,
        Instance.opened(Path(folder), None, NO_TENANT, 60.0) as instance,
    ):
        checking = Checking(instance)
        for example in examples(asked.examples):
            wrong = checking.disagreement(example)
            total[example.provider] += 1
            matched[example.provider] += not wrong
            by_operation[example.provider, example.operation].append(wrong)
            if wrong and asked.verbose:
                print(f"{example.operation} {example.method} {example.path}: {wrong}")
    if asked.operations:
        for (provider, operation), results in sorted(by_operation.items()):
            print(f"{provider:<32}{operation:<72}{results.count('')}/{len(results)}")
    for provider in sorted(total):
        print(f"{provider}: {matched[provider]} of {total[provider]}")
    print(f"{matched.total()}/{total.total()} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
