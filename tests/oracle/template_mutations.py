"""Verdicts on templates that are written another way: `python tests/oracle/template_mutations.py DIR [--every N] [--literals N] [-v]`.

Each quickstart of DIR (shared/corpora/templates) that expands is changed so that it plans the same: a parameter is renamed, keys are
turned round, the whole is wrapped into a nested deployment, resources get symbolic names. All policies and the analyzers must say the
same of it. Then literals are replaced by a `reference()` that nobody can resolve, and parts become unknown (unknown_mutations.py):
verdicts may turn Unknown, never to the opposite. `--every N` takes each Nth template, `--literals N` so many literals of each and as
many changes of each kind, `--seed N` others of them. Prints `N/M match`.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from template_records import lines
from unknown_mutations import CHANGES

from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
from nephoscope.posture.code.template.planned_estate import plan_estate
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate, prepare_plan
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, TemplateError, expand_template
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NODE = "[reference('/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/z', '2022-03-01').v]"
LITERAL = "a literal not known"
WRAPPER = "wrapped"
NEW_NAME = "renamedForThis"
OPPOSITE = {
    ComplianceState.COMPLIANT: ComplianceState.NON_COMPLIANT,
    ComplianceState.NON_COMPLIANT: ComplianceState.COMPLIANT,
}
Json = dict[str, Any]
Verdicts = dict[tuple[str, str], ComplianceState]
Steps = tuple[str | int, ...]


class Written(NamedTuple):
    """A template with its parameters file (None where there is none), and the parameter that was renamed."""

    template: Json
    parameters: Json | None
    renamed: str = ""


class Judge:
    """All policies that the product has, made ready once."""

    def __init__(self, data: Path) -> None:
        packs = Packs(data)
        self._aliases = packs.aliases()
        self._plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
        self._prepared = prepare_plan(self._plan, self._aliases, {})

    def verdicts(self, written: Written) -> Verdicts:
        """The verdict of each policy on each resource that it concerns; raises TemplateError."""
        document = TemplateDocument.parse(json.dumps(written.template), "azuredeploy.json")
        given = None
        if written.parameters is not None:
            given = TemplateDocument.parse(json.dumps(written.parameters), "azuredeploy.parameters.json")
        expansion = expand_template(document, given, scope=DeploymentScope())
        estate = plan_estate(expansion.resources, expansion.unlisted).estate
        run = evaluate_estate(
            estate,
            self._plan,
            NOW,
            analyzers=analyze_planned_estate,
            aliases=self._aliases,
            prepared=self._prepared,
        )
        return {(one.key, _plain(one.resource.lower(), written)): one.state for one in run.assessments}


def _plain(id_: str, written: Written) -> str:
    """An id as the template had it: one that is not known shows the parameter, and the deployment, that its name hangs on."""
    return id_.replace(NEW_NAME.lower(), written.renamed.lower()).replace(f"{{{WRAPPER}: ", "{")


def rename_parameter(written: Written) -> Written | None:
    """Rename the first parameter; None where a nested template may mean another one of the name."""
    declared = member(written.template, "parameters")
    if declared is None or not declared[1] or _nested(written.template):
        return None
    name = next(iter(declared[1]))
    call = re.compile(rf"(\bparameters\s*\(\s*'){re.escape(name)}('\s*\))", re.IGNORECASE)

    def renamed(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("["):
            return call.sub(rf"\g<1>{NEW_NAME}\g<2>", value)
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        return [renamed(item) for item in value] if isinstance(value, list) else value

    made = renamed(written.template)
    made[declared[0]] = _moved(made[declared[0]], name)
    parameters = copy.deepcopy(written.parameters)
    held = member(parameters, "parameters") if parameters is not None else None
    if parameters is not None and held is not None:
        given = next((key for key in held[1] if key.lower() == name.lower()), None)
        parameters[held[0]] = held[1] if given is None else _moved(held[1], given)
    return Written(made, parameters, name)


def _moved(values: Json, name: str) -> Json:
    return {(NEW_NAME if key == name else key): item for key, item in values.items()}


def turn_keys(written: Written) -> Written:
    """Write the members of each object the other way round."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    return Written(turned(written.template), written.parameters)


def wrap(written: Written) -> Written | None:
    """Put a template of a resource group into a nested deployment of its own scope, its parameters handed through."""
    template = written.template
    if "/deploymenttemplate.json" not in str(template.get("$schema", "")).lower():
        return None
    if "deployment()" in json.dumps(template).lower():
        return None
    declared = member(template, "parameters")
    names = list(declared[1]) if declared is not None else []
    inner = {key: item for key, item in template.items() if key.lower() != "outputs"}
    deployment = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": WRAPPER,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {name: {"value": f"[parameters('{name}')]"} for name in names},
            "template": inner,
        },
    }
    outer = {"$schema": template["$schema"], "contentVersion": "1.0.0.0", "resources": [deployment]}
    for section in ("parameters", "definitions", "languageVersion"):
        found = member(template, section)
        if found is not None:
            outer[section] = found[1]
    return Written(outer, written.parameters)


def name_symbols(written: Written) -> Written | None:
    """Give the resources symbolic names."""
    resources = member(written.template, "resources")
    if resources is None or not isinstance(resources[1], list) or member(written.template, "languageVersion"):
        return None
    made = {**written.template, "languageVersion": "2.0", resources[0]: _symbols(resources[1], "r")}
    return Written(made, written.parameters)


def _symbols(listed: list[Any], prefix: str) -> Json:
    found = {}
    for index, one in enumerate(listed):
        below = member(one, "resources")
        inner = (
            {below[0]: _symbols(below[1], f"{prefix}{index}_")}
            if below and isinstance(below[1], list)
            else {}
        )
        found[f"{prefix}{index}"] = {**one, **inner}
    return found


def _nested(template: Json) -> bool:
    return '"microsoft.resources/deployments"' in json.dumps(template).lower()


SAME: dict[str, Callable[[Written], Written | None]] = {
    "a parameter renamed": rename_parameter,
    "keys turned round": turn_keys,
    "wrapped into a deployment": wrap,
    "symbolic names": name_symbols,
}


def literals(value: Any, path: Steps = ()) -> Iterator[Steps]:
    """The places of literals in what resources are set to, and of the defaults of parameters."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path or key.lower() in ("parameters", "resources"):
                yield from literals(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from literals(item, (*path, index))
    elif _is_setting(path) and not (isinstance(value, str) and value.startswith("[")):
        yield path


def _is_setting(path: Steps) -> bool:
    lowered = [one.lower() for one in path if isinstance(one, str)]
    if lowered[0] == "parameters":
        return len(path) >= 3 and lowered[2] == "defaultvalue"
    inside = "properties" in lowered and not {"template", "templatelink", "copy", "mode"} & set(lowered)
    return inside and lowered[-1] not in ("type", "apiversion", "name", "scope")


def replaced(written: Written, path: Steps) -> Written:
    """The template with a reference that nobody can resolve in the place of a literal."""
    made = copy.deepcopy(written.template)
    inner: Any = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = NODE
    return Written(made, written.parameters)


class Comparison:
    """Counts what agrees, by the kind of change."""

    def __init__(self, *, verbose: bool) -> None:
        self.counts: Counter[tuple[str, bool]] = Counter()
        self._verbose = verbose

    def add(self, kind: str, place: str, wrong: str) -> None:
        self.counts[kind, not wrong] += 1
        if wrong and self._verbose:
            print(f"MISS  {kind} {place}: {wrong[:300]}")

    def same(self, kind: str, place: str, before: Verdicts, after: Verdicts) -> None:
        keys = before.keys() | after.keys()
        other = [
            f"{key}: {before.get(key)} {after.get(key)}"
            for key in sorted(keys)
            if before.get(key) != after.get(key)
        ]
        self.add(kind, place, "; ".join(other))

    def never_opposite(self, place: str, before: Verdicts, after: Verdicts, kind: str = LITERAL) -> None:
        other = [
            f"{key}: {before[key]} {state}"
            for key, state in after.items()
            if key in before and state is OPPOSITE.get(before[key])
        ]
        self.add(kind, place, "; ".join(other))


def compare(
    record: Mapping[str, Any], place: str, assess: Judge, comparison: Comparison, count: int, seed: str = ""
) -> None:
    """Compare the verdicts on a record with those on its changes."""
    try:
        given = record.get("parameters")
        written = Written(_json(record["template"]), _json(given) if given else None)
        before = assess.verdicts(written)
    except (TemplateError, ValueError):
        return  # what does not expand has no verdicts: template_cases.py asks for its reason
    for kind, change in SAME.items() if not seed else ():
        made = change(written)
        if made is not None:
            comparison.same(kind, place, before, _after(assess, made))
    places = list(literals(written.template))
    chance = random.Random(place + seed)
    for path in chance.sample(places, min(count, len(places))):
        where = f"{place} {'.'.join(map(str, path))}"
        comparison.never_opposite(where, before, _after(assess, replaced(written, path)))
    for kind, opened in CHANGES.items():
        for _ in range(count):
            found = opened(written.template, chance)
            if found is not None:
                after = _after(assess, Written(found.template, written.parameters))
                where = f"{place} {'.'.join(map(str, found.place))}"
                comparison.never_opposite(where, before, after, kind)


def _after(assess: Judge, written: Written) -> Verdicts:
    try:
        return assess.verdicts(written)
    except TemplateError as error:
        return {("not expanded", str(error)): ComplianceState.ERROR}


def _json(text: Any) -> Json:
    value = text if isinstance(text, dict) else TemplateDocument.parse(text, "azuredeploy.json").value
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def main(words: list[str]) -> int:
    """Print how much agrees; 0 where all does, 1 where not, 2 for a folder without quickstarts."""
    parser = argparse.ArgumentParser(prog="template_mutations.py")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=4, help="take each Nth template")
    parser.add_argument("--literals", type=int, default=3, help="literals of each")
    parser.add_argument("--seed", default="", help="take others; the changes that keep the plan are left out")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args(words)
    paths = sorted(options.folder.glob("quickstarts.jsonl*"))
    if not paths:
        print(f"{options.folder} holds no quickstarts", file=sys.stderr)
        return 2
    comparison = Comparison(verbose=options.verbose)
    with tempfile.TemporaryDirectory() as data:
        assess = Judge(Path(data))
        for number, record in enumerate(lines(paths[0])):
            if number % options.every == 0 and not record.wrong:
                compare(
                    record.value,
                    str(record.value.get("id", record.place)),
                    assess,
                    comparison,
                    options.literals,
                    options.seed,
                )
    for kind in sorted({kind for kind, _ in comparison.counts}):
        hits, misses = comparison.counts[kind, True], comparison.counts[kind, False]
        print(f"{kind:<28}{hits:>6}/{hits + misses}")
    hits = sum(count for (_, same), count in comparison.counts.items() if same)
    print(f"{hits}/{sum(comparison.counts.values())} match")
    return 0 if hits == sum(comparison.counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
