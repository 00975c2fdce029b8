"""Azure's recorded examples: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from corpus_records import lines, raised

PROVIDERS = (
    "Microsoft.ResourceGraph",
    "Microsoft.Security",
    "Microsoft.PolicyInsights",
    "Microsoft.SecurityInsights",
)
QUERIES = ("Query_Execute", "Query_Get")


@dataclass(frozen=True)
class Example:
    """One example, as it is recorded."""

    provider: str
    operation: str
    version: str
    method: str
    template: str
    parameters: Mapping[str, Any]
    responses: Mapping[str, Mapping[str, Any]]
    wrong: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is of a surface that is compared."""
        return bool(self.wrong) or self.provider in PROVIDERS or self.operation in QUERIES

    @property
    def path(self) -> str:
        """The path with its parameters filled in."""
        text = self.template
        for name, value in self.parameters.items():
            if not isinstance(value, dict):
                text = text.replace(f"{{{name}}}", str(value).strip("/"))
        return quote(text, safe="/$()',:@ ").replace(" ", "%20")

    @property
    def id(self) -> str:
        """The path as an id."""
        return self.path.replace("%20", " ").rstrip("/")

    @property
    def query(self) -> dict[str, str]:
        """What goes into the query string."""
        rest = {
            name: str(value)
            for name, value in self.parameters.items()
            if not isinstance(value, (dict, list)) and f"{{{name}}}" not in self.template
        }
        return {"api-version": self.version, **rest}

    @property
    def body(self) -> Any:
        """What is sent, None where nothing is."""
        return next((value for value in self.parameters.values() if isinstance(value, (dict, list))), None)

    @property
    def statuses(self) -> set[int]:
        """The statuses that it may be answered with."""
        return {int(one) for one in self.responses}

    @property
    def answers(self) -> list[Any]:
        """The bodies of the answers of success."""
        return [one.get("body") for status, one in sorted(self.responses.items()) if status.startswith("2")]

    @property
    def answer(self) -> Any:
        """The first of them."""
        return next(iter(self.answers), None)

    @property
    def empty(self) -> bool:
        """Whether its answer is a list of nothing, which is no evidence."""
        return isinstance(self.answer, dict) and self.answer.get("value") == []


def examples(path: Path) -> Iterator[Example]:
    """All examples in the order of the file."""
    for one in lines(path):
        try:
            yield _example(one.value)
        except Exception as error:  # noqa: BLE001 - a runner's border: a line that cannot be read is a miss, and is shown
            yield Example("?", one.place, "", "GET", "/", {}, {}, one.wrong or raised(error))


def _example(row: Mapping[str, Any]) -> Example:
    given = row["example"]
    found = Example(
        str(row["provider"]), str(row["operationId"]), str(row["version"]), row["method"].upper(), str(row["path"]),
        given["parameters"], given["responses"],
    )  # fmt: skip
    # what is asked of an example is worked out here, so that one that has none of it is known by its line
    found.path, found.query, found.statuses, found.answer  # noqa: B018
    return found
