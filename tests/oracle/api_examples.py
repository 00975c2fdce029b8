"""Azure's recorded examples against the API: `python tests/oracle/api_examples.py examples.jsonl [-v] [--operations]`.

Every example of Resource Graph, Security, PolicyInsights, SecurityInsights, and the query of OperationalInsights; lines of other
surfaces, and answers that are a list of nothing, are excluded and counted. Before each the server is given what the example is about,
in the product's own ways: documents are published under the ids that the request names (many examples answer with other ids than they
ask for), kinds with stores of their own are put, versions of resources go into the estate's history, rows of logs through ingestion.
Times of validity are moved ahead, and the people that a request names are people of the server.

An answer must have one of the recorded statuses, and keys and JSON types as recorded, all the way down; where the values were given
by publishing they must come back too, letter for letter but for the case of ids and the order of lists. A PUT must keep what was sent
as far as the recorded answer shows it, answer with no key or type of it missing, be read back equal, be listed, be deleted and be
gone. A DELETE deletes what was kept. `N/M match` counts; -v prints every disagreement, --operations a table of operations. The
comparer's own test is tests/api/test_example_comparer.py; `--engine empty` and `--engine error` print the floor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from api_compare import difference, plain, uncovered
from api_example import Example, examples
from api_logs import asked_of_logs, logs_disagreement
from api_seeds import Seeded, Seeding, UnseededError
from api_server import BASE, Server, told
from corpus_records import raised

from nephoscope.access.tokens import NO_TENANT
from nephoscope.instance import Instance


class Checking:
    """Asks the examples of a server in this process, one after another."""

    def __init__(self, server: Server, seeding: Seeding) -> None:
        self.server, self.seeding = server, seeding

    def disagreement(self, example: Example) -> str:
        """What does not agree, '' where all does."""
        if example.wrong:
            return example.wrong
        try:
            self.server.about = example.path
            self.server.machines = self.seeding.machines(example)
            self.server.publish([])
            if asked_of_logs(example):
                return logs_disagreement(self.server, example)
            if example.method == "DELETE":
                return self._deleted(example)
            seeded = self.seeding.seed(example)
            return (
                self._written(example) if example.method in ("PUT", "PATCH") else self._read(example, seeded)
            )
        except UnseededError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in an example is a miss, and is shown
            return raised(error)
        finally:
            self._forget()

    def _read(self, example: Example, seeded: Seeded) -> str:
        answer = self._page(example)
        if answer.status_code not in example.statuses:
            return told(answer)
        if not isinstance(seeded.wanted, (dict, list)):
            return (
                ""
                if bool(answer.content) == (seeded.wanted is not None)
                else "a body where there is none, or none"
            )
        found = answer.json() if answer.content else None
        if seeded.paged:
            return self._paged(example, seeded.wanted, found)
        wanted, found = _shipped(seeded, found)
        if wrong := difference(wanted, found, more=seeded.more):
            return wrong
        return "" if not seeded.exact or plain(found) == plain(wanted) else "other values than were published"

    def _page(self, example: Example) -> Any:
        """The answer; an example that goes on with Azure's token asks for the page before first, and goes on with ours."""
        named = next((name for name in example.query if name.lower() == "$skiptoken"), "")
        inside = isinstance(example.body, dict) and "$skipToken" in example.body
        if not (named or inside):
            return self.server.ask(example)
        query = {name: value for name, value in example.query.items() if name != named}
        sent = {name: value for name, value in (example.body or {}).items() if name != "$skipToken"}
        first = self.server.client.request(
            example.method, example.path, params=query, json=sent if inside else None
        )
        if first.status_code != 200:
            return first
        if inside:
            return self.server.ask(example, body={**sent, "$skipToken": first.json()["$skipToken"]})
        link = first.json().get("@odata.nextLink") or first.json().get("nextLink") or ""
        return self.server.client.request(example.method, link.removeprefix(BASE))

    def _paged(self, example: Example, wanted: dict[str, Any], found: Any) -> str:
        """A page with more behind it: what is wanted is on it, and its link leads on."""
        link = found.get("nextLink") if isinstance(found, dict) else None
        if not isinstance(link, str):
            return "the list has no second page here"
        keys = {str(one["id"]).lower() for one in wanted["value"]}
        mine = [one for one in found["value"] if str(one.get("id", "")).lower() in keys]
        if plain({**found, "value": mine, "nextLink": ""}) != plain({**wanted, "nextLink": ""}):
            return "other values than were published"
        return (
            ""
            if self.server.client.get(link.removeprefix(BASE)).json()["value"]
            else "the second page is empty"
        )

    def _written(self, example: Example) -> str:
        answer = self.server.ask(example)
        if answer.status_code not in example.statuses:
            return told(answer)
        put = answer.json() if answer.content else {}
        shown = example.answer if isinstance(example.answer, dict) else {}
        sent = {
            name: one
            for name, one in self.server.known(example.body or {}).items()
            if name not in ("etag", "id", "name", "type")
        }
        if wrong := difference(shown, put, more=True) or uncovered(sent, put, shown):
            return wrong
        if example.method != "PUT":
            return ""
        read = self.server.ask(example, "GET")
        if read.status_code != 200 or read.json() != put:
            return f"not read back equal: {told(read)}"
        listed = self.server.ask(example, "GET", example.path.rpartition("/")[0])
        if listed.status_code != 200 or put not in listed.json()["value"]:
            return f"not listed: {told(listed)}"
        return self._gone(example)

    def _deleted(self, example: Example) -> str:
        self.seeding.put(example)
        return self._gone(example, example.statuses)

    def _gone(self, example: Example, statuses: set[int] | None = None) -> str:
        answer = self.server.ask(example, "DELETE")
        if answer.status_code not in (statuses or {200, 202, 204}):
            return f"not deleted: {told(answer)}"
        left = self.server.ask(example, "GET").status_code
        return "" if left == 404 else f"still answered with {left} after it was deleted"

    def _forget(self) -> None:
        """Nothing is left for the next example."""
        self.server.forget()


def _shipped(seeded: Seeded, found: Any) -> tuple[Any, Any]:
    """What is compared of a list: of a kind that comes with content the elements that were put, by their names."""
    wanted = seeded.wanted
    if not seeded.among or not isinstance(found, dict):
        return wanted, found
    names = {str(one.get("name")).lower() for one in wanted["value"]}
    mine = [one for one in found.get("value", ()) if str(one.get("name")).lower() in names]
    return {**wanted, "nextLink": None}, {**found, "value": mine, "nextLink": None}


def main() -> int:
    """Check all, print the sums."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="Print every disagreement.")
    parser.add_argument("--operations", action="store_true", help="Print a table of operations.")
    parser.add_argument("--only", default="", help="Only operations that begin with this.")
    parser.add_argument(
        "--engine",
        choices=("ours", "empty", "error"),
        default="ours",
        help="Answer with nothing, or with errors.",
    )
    asked = parser.parse_args()
    several = [one for one in examples(asked.examples) if one.operation.startswith(asked.only)]
    counted = [one for one in several if one.counts and not one.empty]
    by_operation: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="api-examples-") as folder,
        Instance.open(Path(folder), None, NO_TENANT, 60.0) as instance,
    ):
        server = Server(instance, asked.engine)
        checking = Checking(server, Seeding(server, several))
        for example in counted:
            wrong = checking.disagreement(example)
            by_operation[example.provider, example.operation].append(wrong)
            if wrong and asked.verbose:
                print(f"{example.operation} {example.method} {example.version} {example.path}: {wrong}")
    if asked.operations:
        for (provider, operation), results in sorted(by_operation.items()):
            print(f"{provider:<32}{operation:<72}{results.count('')}/{len(results)}")
    return _summed(several, by_operation)


def _summed(several: list[Example], by_operation: dict[tuple[str, str], list[str]]) -> int:
    matched: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for (provider, _), results in by_operation.items():
        matched[provider] += results.count("")
        total[provider] += len(results)
    for provider in sorted(total):
        print(f"{provider}: {matched[provider]} of {total[provider]}")
    other = sum(not one.counts for one in several)
    empty = sum(one.counts and one.empty for one in several)
    print(f"excluded: {other} of other surfaces, {empty} with a list of nothing")
    print(f"{matched.total()}/{total.total()} match")
    if total.total() + other + empty != len(several):
        return 2
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
