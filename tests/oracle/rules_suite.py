"""Suites of rules: each case is parsed, compiled and evaluated by both engines of nephoscope_policy."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import corpus_records
from msgspec.structs import replace
from policy_comparer import Outcome, matches

import nephoscope_policy as policy
from nephoscope_policy import document as documents
from nephoscope_policy import explain, policy_evaluation
from nephoscope_policy.arm import ArmError
from nephoscope_policy.condition_outcome import Truth
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HOME = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/suite"
CONTEXT = {
    "resourceGroup": {"name": "myResourceGroup", "location": "eastus"},
    "subscription": {"subscriptionId": "00000000-0000-0000-0000-000000000000"},
}
"""The surroundings of a case that states none, as the cases with a context of their own spell them."""
ATTESTED = ("manual", "attested")
"""Causes of a state that a person gives: Unknown is the effect's own default there, and no failure."""
Engine = "Callable[[Mapping[str, Any], Case], Outcome]"


class Case:
    """A case with what its file says for all."""

    def __init__(self, path: Path, file: Mapping[str, Any], case: Mapping[str, Any]) -> None:
        self.path = path
        self.case = case
        self.definition = case.get("policy_definition") or (
            None if case.get("policy_rule") else file.get("policy_definition")
        )
        self.rule = case.get("policy_rule") or (None if self.definition else file.get("policy_rule"))
        self.parameters: dict[str, Any] = case.get("parameters") or {}
        self.aliases_file = case.get("aliases") or file.get("aliases")

    def document(self) -> Any:
        """The definition; a bare rule becomes one that declares the parameters it is given. Raises PolicyError."""
        if self.definition is not None:
            return documents.load(self.definition)
        rule = documents.load(self.rule)
        if self.case.get("parse_level") == "policy_definition":
            return rule
        return {
            "parameters": {name: {"type": _type(value)} for name, value in self.parameters.items()},
            "policyRule": rule,
        }

    def aliases(self) -> policy.Aliases:
        if not self.aliases_file:
            return policy.Aliases.make_raw()
        return policy.Aliases.load(self.path.parent.parent / "aliases" / self.aliases_file)

    def context(self) -> policy.EvaluationContext:
        given = {**CONTEXT, **(self.case.get("context") or {})}
        request = self.case.get("request_context") or given.get("requestContext")
        context = policy.EvaluationContext(
            api_version=self.case.get("api_version") or "",
            resource_group=given.get("resourceGroup"),
            subscription=given.get("subscription"),
            policy=given.get("policy"),
            claims=given.get("claims"),
            request=request,
        )
        now = given.get("utcNow")
        return replace(context, now=datetime.fromisoformat(now), utc=now) if now else context


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, (int, float)):
        return "Integer" if isinstance(value, int) else "Float"
    return {list: "Array", dict: "Object"}.get(type(value), "String")


def run(folder: Path, engine: str) -> Iterator[tuple[str, bool, str]]:
    """Each case: its name, whether it matched, and what came instead of what."""
    for one in corpus_records.cases(folder):
        if one.wrong:
            yield one.name, False, one.wrong
            continue
        try:
            outcome = ENGINES[engine](Case(one.path, one.file, one.value))
            matched = matches(one.value, outcome)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a case is a miss, and is shown
            yield one.name, False, corpus_records.raised(error)
            continue
        wanted = {key: value for key, value in one.value.items() if str(key).startswith("want_")}
        yield one.name, matched, f"{outcome}; wanted {wanted}"


def _empty(_: Case) -> Outcome:
    return Outcome("done")


def _error(_: Case) -> Outcome:
    return Outcome("parse", path="$", message="floor")


def _real(case: Case) -> Outcome:
    try:
        definition = policy.Definition.parse(case.document())
        if not _evaluated(case):
            return Outcome("parsed")
        aliases = case.aliases()
        definition.check(aliases)
        rule = definition.bind(case.parameters, partial=True)
    except policy.PolicyError as error:
        return Outcome(error.stage, path=error.path, message=error.message)
    return _judge(case, rule, aliases)


def _evaluated(case: Case) -> bool:
    return "resource" in case.case or bool(case.case.get("want_compile_error"))


def _judge(case: Case, rule: policy.Rule, aliases: policy.Aliases) -> Outcome:
    resource = _resource(case.case.get("resource"))
    context = case.context()
    related = list(_related(case, rule, resource, aliases, context))
    snapshot = policy.Snapshot([resource, *related], aliases, Coverage.cover_everything())
    outcomes = [
        _outcome(end, lambda: _truth(rule, resource, snapshot, context))
        for end in (rule.evaluate(resource, snapshot, context), rule.explain(resource, snapshot, context))
    ]
    if outcomes[0] != outcomes[1]:
        return Outcome("error", message=f"compiled {outcomes[0]} and explained {outcomes[1]} differ")
    return outcomes[0]


def _truth(
    rule: policy.Rule, resource: Resource, snapshot: policy.Snapshot, context: policy.EvaluationContext
) -> Truth:
    """Whether the `if` holds, before anything is made of it: what has no answer is not no effect, whatever state it ends in."""
    scope = EvaluationScope(
        snapshot.get_view(resource), snapshot, context, rule.parameters, steps=rule.tally.steps()
    )
    return explain.explain_condition(rule.tree.condition, scope).truth


def _outcome(result: policy.Result, truth: Callable[[], Truth]) -> Outcome:
    if result.state in (ComplianceState.ERROR, ComplianceState.UNKNOWN) and result.cause not in ATTESTED:
        return Outcome("error", message=f"{result.state}: {result.description}")
    if not result.matched:
        if result.state is ComplianceState.COMPLIANT and truth() not in (Truth.TRUE, Truth.FALSE):
            return Outcome("error", message=f"the condition has no answer, and the end is {result.state}")
        return Outcome("done")
    try:
        return Outcome("done", result.effect, result.details)
    except ArmError as error:
        return Outcome("error", message=f"details: {error}")


def _resource(body: Any) -> Resource:
    body = body if isinstance(body, dict) else {}
    try:
        return Resource.of(body)
    except ValueError:
        return _placed(body, HOME)


def _placed(body: dict[str, Any], parent: str) -> Resource:
    """A body without a usable id, put under a parent."""
    type_ = str(body.get("type") or "").lower()
    name = str(body.get("name") or "").lower()
    key = f"{parent}/providers/{type_ or 'none/none'}/{name or 'unnamed'}"
    return Resource(ResourceId(key, type_, name, HOME.split("/")[2], "suite", parent), body)


def _related(
    case: Case,
    rule: policy.Rule,
    resource: Resource,
    aliases: policy.Aliases,
    context: policy.EvaluationContext,
) -> Iterator[Resource]:
    """The answers of `host_await`, put where the rule's own look-up goes; an answer for another key raises."""
    answers = [one for one in case.case.get("host_await") or [] if isinstance(one.get("response"), dict)]
    if not answers or rule.tree.then.existence is None:
        return
    alone = policy.Snapshot([resource], aliases)
    scope = EvaluationScope(alone.get_view(resource), alone, context, rule.parameters)
    wanted = policy_evaluation.plan_lookup(rule, scope)
    for number, answer in enumerate(answers):
        key = answer.get("key") or {}
        if (
            str(key.get("type", wanted.type)).lower() != wanted.type
            or key.get("name", wanted.name) != wanted.name
        ):
            raise ValueError(f"the case answers {key}, the rule asks {wanted}")
        yield _answer(answer["response"], wanted, resource, number)


def _answer(body: dict[str, Any], wanted: Any, resource: Resource, number: int) -> Resource:
    nested = wanted.type.startswith(f"{resource.type}/") or wanted.type in policy.related_resources.EXTENSIONS
    home = resource.id.resource_group_id or HOME
    group = (
        re.sub("/resourcegroups/[^/]+", f"/resourcegroups/{wanted.resource_group}", home)
        if wanted.resource_group
        else home
    )
    parent = resource.key if nested else group
    name = wanted.name.lower().rsplit("/", 1)[-1].replace("?", "any") or f"answer{number}"
    provider = "" if wanted.type.startswith(f"{resource.type}/") else "/providers"
    last = wanted.type.rsplit("/", 1)[-1] if not provider else wanted.type
    key = f"{parent}{provider}/{last}/{name}"
    full = {**body, "fullName": body.get("fullName", wanted.name)} if "/" in wanted.name else body
    subscribed = resource.id.type == "microsoft.resources/subscriptions"
    group_name = wanted.resource_group or ("" if subscribed else resource.id.resource_group)
    identifier = ResourceId(key, wanted.type, name, resource.id.subscription, group_name, parent)
    return Resource(identifier, json.loads(json.dumps(full)))


ENGINES: dict[str, Callable[[Case], Outcome]] = {"nephoscope": _real, "empty": _empty, "error": _error}
