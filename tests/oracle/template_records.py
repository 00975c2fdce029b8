"""What every set of template cases shares: how records are read, the surroundings that they presuppose, how values are compared."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import corpus_records

from nephoscope_policy.arm.template import (
    DeploymentScope,
    Loader,
    OpenObject,
    TemplateDocument,
    TemplateExpansion,
    Unknown,
    expand_template,
)

#: The surroundings that the recorded expansions presuppose (README of the corpus).
EVERYWHERE = "ffffffff-ffff-ffff-ffff-ffffffffffff"
SCOPE = DeploymentScope(
    tenant_id=EVERYWHERE,
    management_group="mg1",
    subscription_id=EVERYWHERE,
    subscription_name="PSRule Test Subscription",
    resource_group="ps-rule-test-rg",
    location="eastus",
    deployment_name="ps-rule-test-deployment",
)


class Verdict(NamedTuple):
    """How a case ended: 'match', 'miss' or 'excluded', with what came instead of what."""

    outcome: str
    message: str = ""


MATCH = Verdict("match")


def miss(message: str) -> Verdict:
    """A case that disagrees."""
    return Verdict("miss", message[: corpus_records.LONGEST])


def excluded(reason: str) -> Verdict:
    """A case that cannot be judged, with the reason that is printed."""
    return Verdict("excluded", reason)


def lines(path: Path) -> Iterator[corpus_records.Record]:
    """The records of a file of JSON lines, packed or not."""
    if path.suffix != ".gz":
        yield from corpus_records.lines(path)
        return
    with gzip.open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                value = json.loads(line)
                yield corpus_records.Record(f"{path.name}:{number}", value if isinstance(value, dict) else {})


def document(given: Any, file: str) -> TemplateDocument | None:
    """A document of a record: text, JSON, or nothing."""
    if given is None:
        return None
    return TemplateDocument.parse(given if isinstance(given, str) else json.dumps(given), file)


def expanded(
    template: Any, parameters: Any = None, *, load: Loader | None = None, scope: DeploymentScope = SCOPE
) -> TemplateExpansion:
    """The expansion of a record's template; raises TemplateError."""
    found = document(template, "azuredeploy.json")
    assert found is not None
    return expand_template(found, document(parameters, "azuredeploy.parameters.json"), scope=scope, load=load)


def loader(linked: Mapping[str, Any]) -> Loader:
    """A loader of a record's linked files."""
    return lambda path: None if linked.get(path) is None else str(linked[path])


def same(value: Any, wanted: Any) -> bool:
    """Deep equality: numbers by value, a boolean never a number, texts exactly, keys by case, an unknown never."""
    if isinstance(value, Unknown | OpenObject):
        return False
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(same, value, wanted))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in value)
    return bool(value == wanted)
