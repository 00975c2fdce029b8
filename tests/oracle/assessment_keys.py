"""The unmodified built-ins that read Microsoft.Security/assessments, on estates that our analyzers judged.

`python tests/oracle/assessment_keys.py FOLDER [-v] [--engine empty]`

FOLDER is a checkout of the public policy repository. Every definition whose details.type is Microsoft.Security/assessments
runs on every described estate of tests/cases/analyze/verdicts that states a verdict on a resource under its key: Healthy and
NotApplicable must end Compliant, Unhealthy NonCompliant, Unknown Unknown (a definition that only asks for a status: Compliant
wherever the assessment has one; one that asks for the cause too: Compliant where that is the one). A definition whose key an
analyzer answers must be seen both ways, one whose key nobody can answer must end Unknown on a resource of each of its types,
and one whose key we do not know at all is a miss. `--engine empty` lays nothing over the estate and prints the floor. The last
line is `N/M match`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from corpus_records import documents_of, properties_of, raised

from nephoscope.analyze import run
from nephoscope.analyze.discovery import list_assessment_keys
from nephoscope.analyze.unsupported_assessments import NEEDED
from nephoscope_policy import Definition, EvaluationContext, Snapshot
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

TYPE = "microsoft.security/assessments"
TESTS = Path(__file__).parent.parent / "analyze"


def loaded(name: str) -> ModuleType:
    """A module beside the analyzers' tests."""
    spec = importlib.util.spec_from_file_location(f"oracle_{name}", TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLD = loaded("world")
CASES = loaded("test_cases")


@dataclass
class Reader:
    """A built-in that reads an assessment, and what came of it."""

    name: str
    key: str
    definition: Definition
    only_status: bool
    asks_cause: str
    parameters: dict[str, Any]
    seen: set[ComplianceState | str] = field(default_factory=set)
    matched: int = 0
    misses: list[str] = field(default_factory=list)

    def assess(self, resource: Resource, snapshot: Snapshot) -> ComplianceState | str:
        """The state of a verdict, or the text of what was raised, which is none that is wanted."""
        try:
            return self.definition.evaluate(
                resource, snapshot, self.parameters, EvaluationContext(now=WORLD.NOW)
            ).state
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a verdict is a miss, and is shown
            return raised(error)

    def compare(self, where: str, got: ComplianceState | str, want: ComplianceState) -> None:
        """Count a verdict."""
        self.seen.add(got)
        if got is want:
            self.matched += 1
        else:
            self.misses.append(f"{where}: {got}, wanted {want}")


def readers(folder: Path) -> Iterator[Reader]:
    """Every definition under a folder that reads an assessment, with its effect switched on."""
    for one in documents_of(sorted(folder.rglob("policyDefinitions/**/*.json"))):
        document, body = one.value, properties_of(one.value)
        rule = body.get("policyRule")
        then = rule.get("then") if isinstance(rule, dict) else None
        details = then.get("details") if isinstance(then, dict) else None
        if not isinstance(details, dict) or str(details.get("type", "")).lower() != TYPE:
            continue
        effects = body.get("parameters", {}).get("effect", {}).get("allowedValues", [])
        active = [effect for effect in effects if effect.lower() in ("auditifnotexists", "deployifnotexists")]
        text = json.dumps(details).lower()
        yield Reader(
            document["name"],
            details["name"],
            Definition.parse(document),
            "status.code" not in text,
            _cause(body) if "status.cause" in text else "",
            {"effect": active[0]} if active else {},
        )


def _cause(body: dict[str, Any]) -> str:
    """The default of the one parameter, beside the effect, that a definition compares the cause with."""
    (name,) = [name for name in body["parameters"] if name.lower() != "effect"]
    return str(body["parameters"][name]["defaultValue"])


@dataclass(frozen=True)
class Scene:
    """One described estate, judged, with the policies' view of it."""

    note: str
    snapshot: Snapshot
    resources: dict[str, Resource]
    verdicts: dict[tuple[str, str], Any]


def scenes(engine: str) -> Iterator[Scene]:
    for parameter in CASES.cases():
        view = WORLD.view(parameter.values[0])
        found = run(view)
        snapshot = Snapshot(view.estate.resources.values(), coverage=view.estate.coverage)
        yield Scene(
            str(parameter.id),
            snapshot if engine == "empty" else snapshot.with_overlay(found.overlay, found.unknown),
            dict(view.estate.resources),
            {(item.key, item.resource.lower()): item for item in found.assessments},
        )


def wanted(reader: Reader, verdict: Any) -> ComplianceState:
    if verdict.state is ComplianceState.UNKNOWN:
        return ComplianceState.UNKNOWN
    if reader.only_status:
        return ComplianceState.NON_COMPLIANT if verdict.cause == "not-assessed" else ComplianceState.COMPLIANT
    if reader.asks_cause and verdict.state is ComplianceState.COMPLIANT:
        same = verdict.cause.lower() == reader.asks_cause.lower()
        return ComplianceState.COMPLIANT if same else ComplianceState.NON_COMPLIANT
    return (
        ComplianceState.NON_COMPLIANT
        if verdict.state is ComplianceState.NON_COMPLIANT
        else ComplianceState.COMPLIANT
    )


def play(by_key: dict[str, list[Reader]], engine: str) -> None:
    """Run the readers over every scene."""
    for scene in scenes(engine):
        for (key, id_), verdict in scene.verdicts.items():
            resource = scene.resources.get(id_) or Resource.of({"id": verdict.resource})
            for reader in by_key.get(key, ()):
                if reader.definition.applies_to(resource.type):
                    got = reader.assess(resource, scene.snapshot)
                    if got is not ComplianceState.NOT_APPLICABLE or not _conditioned(reader):
                        reader.compare(f"{scene.note} on {id_}", got, wanted(reader, verdict))


def _conditioned(reader: Reader) -> bool:
    """Whether the definition's `if` asks for more than the type."""
    rule = json.dumps(reader.definition.bind(reader.parameters).tree.condition, default=str).lower()
    return "ostype" in rule or "publisher" in rule


def unanswered(reader: Reader) -> None:
    """A key that nobody can answer: Unknown on a bare resource of every type that it is asked of."""
    bodies = [
        {
            "id": ID_OF[type_],
            "kind": "v12.0",
            "location": "westeurope",
            "tags": {},
            "properties": PROPERTIES.get(type_, {}),
        }
        for type_ in list_assessment_keys()[reader.key].types
    ]
    view = WORLD.view({"extra": bodies})
    found = run(view, only=["unsupported_assessments"])
    snapshot = Snapshot(view.estate.resources.values(), coverage=view.estate.coverage).with_overlay(
        found.overlay, found.unknown
    )
    for body in bodies:
        resource = view.estate.resources[WORLD.placed(body)["id"].lower()]
        if reader.definition.applies_to(resource.type):
            reader.compare(
                f"unanswered on {resource.type}", reader.assess(resource, snapshot), ComplianceState.UNKNOWN
            )


_VM = "~rg/providers/Microsoft.Compute/virtualMachines/vm"
ID_OF = {
    "microsoft.compute/virtualmachines": _VM,
    "microsoft.compute/virtualmachines/extensions": f"{_VM}/extensions/GuestAttestation",
    "microsoft.compute/virtualmachinescalesets": "~rg/providers/Microsoft.Compute/virtualMachineScaleSets/vmss",
    "microsoft.compute/cloudservices": "~rg/providers/Microsoft.Compute/cloudServices/cs",
    "microsoft.classiccompute/virtualmachines": "~rg/providers/Microsoft.ClassicCompute/virtualMachines/old",
    "microsoft.classiccompute/domainnames/slots/roles": "~rg/providers/Microsoft.ClassicCompute/domainNames/d/slots/s/roles/r",
    "microsoft.hybridcompute/machines": "~rg/providers/Microsoft.HybridCompute/machines/arc",
    "microsoft.containerregistry/registries": "~rg/providers/Microsoft.ContainerRegistry/registries/acr",
    "microsoft.containerservice/managedclusters": "~rg/providers/Microsoft.ContainerService/managedClusters/aks",
    "microsoft.apimanagement/service/apis/operations": "~rg/providers/Microsoft.ApiManagement/service/am/apis/a/operations/op",
    "microsoft.resources/subscriptions": "~sub",
    "microsoft.sql/servers/databases": "~rg/providers/Microsoft.Sql/servers/db/databases/d",
    "microsoft.sql/managedinstances/databases": "~rg/providers/Microsoft.Sql/managedInstances/mi/databases/d",
}
PROPERTIES: dict[str, Any] = {
    "microsoft.compute/virtualmachines": {"storageProfile": {"osDisk": {"osType": "Linux"}}},
    "microsoft.compute/virtualmachines/extensions": {
        "publisher": "Microsoft.Azure.Security.LinuxAttestation",
        "type": "GuestAttestation",
    },
}


def finish(reader: Reader) -> None:
    """A reader that was not seen both ways is a miss."""
    if reader.key not in list_assessment_keys():
        reader.misses.append("no analyzer knows the key")
    elif reader.key not in NEEDED:
        for state in (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT):
            if state not in reader.seen:
                reader.misses.append(f"never ended {state}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", action="store_true", help="print every miss")
    parser.add_argument("--engine", choices=("analyzers", "empty"), default="analyzers")
    arguments = parser.parse_args()
    found = list(readers(arguments.folder))
    if not found:
        print(f"no definition under {arguments.folder} reads {TYPE}", file=sys.stderr)
        return 2
    by_key: dict[str, list[Reader]] = defaultdict(list)
    for reader in found:
        by_key[reader.key].append(reader)
    play(by_key, arguments.engine)
    for reader in found:
        if reader.key in NEEDED:
            unanswered(reader)
        finish(reader)
    report(found, arguments.v)
    matched = sum(reader.matched for reader in found)
    missed = sum(len(reader.misses) for reader in found)
    print(f"{matched}/{matched + missed} match")
    return 0 if not missed else 1


def report(found: list[Reader], verbose: bool) -> None:
    answered = [
        reader for reader in found if reader.key not in NEEDED and reader.key in list_assessment_keys()
    ]
    both = [
        reader
        for reader in answered
        if {ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT} <= reader.seen
    ]
    print(f"{len(found)} definitions read {len({reader.key for reader in found})} keys")
    print(f"{len(both)}/{len(answered)} definitions of answered keys flip both ways")
    waiting = [reader for reader in found if reader.key in NEEDED]
    print(
        f"{sum(not reader.misses for reader in waiting)}/{len(waiting)} of keys that nobody can answer end Unknown"
    )
    for reader in found:
        for miss in reader.misses if verbose else reader.misses[:2]:
            print(f"  {reader.name} ({reader.key}): {miss}")


if __name__ == "__main__":
    sys.exit(main())
