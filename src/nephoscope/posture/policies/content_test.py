"""Runs the test bodies that lie beside policies (`<name>.test.json`) through both engines, and checks what a policy says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from nephoscope.content.loader import TEST_SUFFIX, iterate_case_documents, load_documents
from nephoscope_policy import Definition, EvaluationContext, PolicyError, Snapshot
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from nephoscope_policy import Result
    from nephoscope_policy.documents import ContentDocument

NEEDED = (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT, ComplianceState.NOT_APPLICABLE)
CASE_KEYS = frozenset({"note", "resource", "related", "parameters", "want", "because"})
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CONTROL = re.compile(r"Azure_Security_Benchmark_v3\.0_[A-Z]{2}-[0-9]{1,2}")
TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?")
GUID = re.compile(r"[0-9a-z]{8}(-[0-9a-z]{4}){3}-[0-9a-z]{12}")
"""Loose on purpose: the public policy repository has an id with a k in it."""
TACTICS = frozenset(
    {
        "Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation",
        "DefenseEvasion", "CredentialAccess", "Discovery", "LateralMovement", "Collection", "CommandAndControl",
        "Exfiltration", "Impact",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PolicyTestResult:
    """One thing that was checked: a test body, or what a file says of itself (`note` is then '').

    `want` and `got` are states, '' where none applies; `problem` is a sentence, '' where the check passed.
    """

    place: Place
    policy: str
    note: str = ""
    want: str = ""
    got: str = ""
    problem: str = ""

    @property
    def has_passed(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class CaseError(Exception):
    """A fault of a test file at a JSON path."""

    path: str
    message: str


def check(root: Path | None = None, now: datetime | None = None) -> list[PolicyTestResult]:
    """Check every policy definition of a folder (None: the shipped pack) and run its test bodies, in path order.

    `now` is the time that utcNow() answers in the rules. Raises ContentError when the folder does not exist; every other
    fault is an outcome with its place.
    """
    cases = {document.place.file: document for document in iterate_case_documents(root, "policies")}
    context = EvaluationContext(now=now) if now else EvaluationContext()
    outcomes: list[PolicyTestResult] = []
    for document in load_documents(root, "policies"):
        file = document.place.file.removesuffix(".json") + TEST_SUFFIX
        outcomes += _read_policy(document, cases.pop(file, None), context)
    outcomes += [
        PolicyTestResult(place.place, place.name, problem="there is no policy beside this test file")
        for place in cases.values()
    ]
    return outcomes


def _read_policy(
    document: ContentDocument, cases: ContentDocument | None, context: EvaluationContext
) -> Iterator[PolicyTestResult]:
    name = document.name.removesuffix(".json")
    try:
        body = document.json()
        if _is_initiative(body):
            return
        definition = Definition.parse(body, document.place)
        definition.require_details()
    except ContentError as error:
        yield PolicyTestResult(error.place, name, problem=error.message)
        return
    except PolicyError as error:
        for one in error.all:
            yield PolicyTestResult(replace(document.place, path=one.path), name, problem=one.message)
        return
    for path, message in find_description_problems(definition.metadata.get("nephoscope")):
        place = replace(document.place, path=f"properties.metadata.nephoscope{path}")
        yield PolicyTestResult(place, name, problem=message)
    if cases is None:
        yield PolicyTestResult(
            document.place, name, problem=f"no test bodies: write {name}{TEST_SUFFIX} beside it"
        )
        return
    yield from _run_cases(definition, name, cases, context)


def _is_initiative(body: object) -> bool:
    properties = body.get("properties", body) if isinstance(body, dict) else {}
    return isinstance(properties, dict) and "policyDefinitions" in properties


def _run_cases(
    definition: Definition, name: str, document: ContentDocument, context: EvaluationContext
) -> Iterator[PolicyTestResult]:
    try:
        cases = _list_cases(document.json())
    except ContentError as error:
        yield PolicyTestResult(error.place, name, problem=error.message)
        return
    except CaseError as fault:
        yield PolicyTestResult(replace(document.place, path=fault.path), name, problem=fault.message)
        return
    for number, case in enumerate(cases):
        place = replace(document.place, path=f"cases[{number}]")
        try:
            yield _run_case(definition, name, place, case, context)
        except CaseError as fault:
            place = replace(place, path=f"cases[{number}]{fault.path}")
            yield PolicyTestResult(place, name, _read_note(case), problem=fault.message)
    missing = [state.value for state in NEEDED if state not in {_read_expectation(case) for case in cases}]
    if missing:
        problem = f"no test body is {', none is '.join(missing)}"
        yield PolicyTestResult(replace(document.place, path="cases"), name, problem=problem)


def _list_cases(body: object) -> list[object]:
    cases = body.get("cases") if isinstance(body, dict) else None
    if not isinstance(cases, list) or not cases:
        raise CaseError("cases", 'a test file is {"cases": [...]} with at least one case')
    return cases


def _read_note(case: object) -> str:
    return str(case.get("note", "")) if isinstance(case, dict) else ""


def _read_expectation(case: object) -> str:
    return str(case.get("want", "")) if isinstance(case, dict) else ""


def _run_case(
    definition: Definition, name: str, place: Place, case: Any, context: EvaluationContext
) -> PolicyTestResult:
    _check_case_shape(case)
    resource = _read_resource(case["resource"], ".resource")
    related = [
        _read_resource(body, f".related[{number}]") for number, body in enumerate(case.get("related", []))
    ]
    snapshot = Snapshot([resource, *related])
    try:
        explained = definition.explain(resource, snapshot, case.get("parameters"), context)
        compiled = definition.evaluate(resource, snapshot, case.get("parameters"), context)
    except PolicyError as error:
        return PolicyTestResult(
            place, name, case["note"], case["want"], problem=f"{error.path}: {error.message}"
        )
    problem = _find_problem(case, explained, compiled)
    return PolicyTestResult(place, name, case["note"], case["want"], explained.state.value, problem)


def _check_case_shape(case: object) -> None:
    if not isinstance(case, dict):
        raise CaseError("", "a case is an object")
    unknown = sorted(set(case) - CASE_KEYS)
    if unknown:
        raise CaseError("", f"unknown key '{unknown[0]}'; a case has {', '.join(sorted(CASE_KEYS))}")
    for key, kind in (("note", str), ("resource", dict), ("want", str)):
        if not isinstance(case.get(key), kind):
            raise CaseError(f".{key}", f"'{key}' is required")
    if case["want"] not in set(ComplianceState):
        raise CaseError(".want", f"'{case['want']}' is not a state; use one of {', '.join(ComplianceState)}")
    if not isinstance(case.get("related", []), list):
        raise CaseError(".related", "'related' is a list of bodies")


def _read_resource(body: object, path: str) -> Resource:
    if not isinstance(body, dict):
        raise CaseError(path, "a body is an object")
    try:
        return Resource.of(body)
    except ValueError as error:
        raise CaseError(path, str(error)) from error


def _find_problem(case: dict[str, Any], explained: Result, compiled: Result) -> str:
    if compiled != explained:
        return f"the two engines disagree: {compiled!r} and {explained!r}"
    if explained.state != case["want"]:
        why = explained.description or ", ".join(reason.path for reason in explained.reasons)
        return f"want {case['want']}, got {explained.state}" + (f" ({why})" if why else "")
    leaf = case.get("because")
    paths = [reason.path for reason in explained.reasons]
    if leaf and not any(_is_path_end(leaf, path) for path in paths):
        return f"no reason is '{leaf}': the reasons are {', '.join(paths) or 'none'}"
    return ""


def _is_path_end(leaf: str, path: str) -> bool:
    """Return whether `leaf` is the end of the path, or of a condition above it, in whole steps."""
    return re.search(rf"(^|[.]){re.escape(leaf)}(\[\d+\])?($|[.])", path) is not None


def find_description_problems(stated: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with `metadata.nephoscope`, as (JSON path below it, sentence); nothing where it is absent.

    The section is what makes a policy a recommendation: severity, remediation, tactics, techniques, controls, scoreControl,
    sameAs. Its schema is docs/reference/policies.md.
    """
    if stated is None:
        return
    if not isinstance(stated, dict):
        yield "", "must be an object"
        return
    if stated.get("severity") not in set(Severity):
        yield ".severity", f"must be one of {', '.join(Severity)}"
    finding = stated.get("finding", "{count}")
    if not isinstance(finding, str) or finding.count("{count}") != 1:
        yield ".finding", "must be a sentence with {count} once, such as 'Secrets found on {count} machines'"
    yield from _read_remediation(stated.get("remediation"))
    yield from _check_each_statement(
        stated, "tactics", lambda text: text in TACTICS, "is not a tactic of MITRE ATT&CK"
    )
    yield from _check_each_statement(
        stated, "techniques", TECHNIQUE.fullmatch, "is not a technique such as T1190 or T1021.001"
    )
    yield from _check_each_statement(
        stated, "controls", CONTROL.fullmatch, "is not a control such as Azure_Security_Benchmark_v3.0_NS-8"
    )
    score = stated.get("scoreControl")
    if score is not None and (not isinstance(score, str) or not score):
        yield ".scoreControl", "must be the name of a score control, or null"
    yield from _check_same_parameters(stated.get("sameAs", []))


def _read_remediation(stated: object) -> Iterator[tuple[str, str]]:
    if not isinstance(stated, dict):
        yield ".remediation", "must be an object with steps, az and bicep"
        return
    steps = stated.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, str) and step for step in steps):
        yield ".remediation.steps", "must be a list of sentences, at least one"
    az = stated.get("az")
    if not isinstance(az, str) or not az.startswith("az "):
        yield ".remediation.az", "must be a command that begins with 'az '"
    bicep = stated.get("bicep")
    if not isinstance(bicep, str) or "resource " not in bicep:
        yield ".remediation.bicep", "must be a Bicep fragment with a resource"


def _check_each_statement(
    stated: dict[str, object], key: str, holds: Any, message: str
) -> Iterator[tuple[str, str]]:
    values = stated.get(key)
    if not isinstance(values, list):
        yield f".{key}", "must be a list"
        return
    for number, value in enumerate(values):
        if not isinstance(value, str) or not holds(value):
            yield f".{key}[{number}]", f"'{value}' {message}"


def _check_same_parameters(stated: object) -> Iterator[tuple[str, str]]:
    if not isinstance(stated, list):
        yield ".sameAs", "must be a list"
        return
    for number, entry in enumerate(stated):
        policy = entry.get("policy") if isinstance(entry, dict) else None
        if not isinstance(policy, str) or not GUID.fullmatch(policy):
            yield f".sameAs[{number}].policy", "must be the GUID of a built-in definition"
            continue
        difference = entry.get("difference")
        if difference is not None and (not isinstance(difference, str) or len(difference) < 20):
            yield f".sameAs[{number}].difference", "must be null, or a sentence that argues the difference"
