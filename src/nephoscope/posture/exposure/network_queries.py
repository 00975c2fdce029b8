"""Network queries: questions about the network, each answered with the rules and the log rows behind the answer."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

import msgspec

from nephoscope.posture.exposure.exposure_rows import LIMITED, OPEN, UNKNOWN
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nephoscope.posture.exposure.exposure_rows import ExposureRow

MACHINE = "microsoft.compute/virtualmachines"


class AnswerWord(StrEnum):
    """The short answer: a problem that was found outweighs what is not known."""

    PROBLEM = "Problem found"
    UNKNOWN = "Not assessed in part"
    GOOD = "No problem found"


def name_definition(policy: str) -> str:
    """Return the name of the definition of a policy of the own initiative, by which its recommendation is known."""
    return str(uuid5(NAMESPACE_URL, f"nephoscope/{policy}"))


class NetworkQuestion(msgspec.Struct, frozen=True):
    """A question, and the policies of the own initiative that answer it; none where the exposure of machines does."""

    title: str
    policies: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """The names of the policies' definitions, by which their recommendations are known."""
        return frozenset(map(name_definition, self.policies))


QUESTIONS = (
    NetworkQuestion("Are virtual machines exposed to the public Internet?"),
    NetworkQuestion(
        "Are network security groups overly permissive?",
        (
            "nsg-all-ports-from-internet", "nsg-ssh-from-internet", "nsg-rdp-from-internet", "nsg-database-from-internet",
            "nsg-clear-text-from-internet", "nsg-remote-management-from-internet", "nsg-udp-from-internet", "vm-open-ports",
        ),
    ),
    NetworkQuestion(
        "Are the rules of exposed machines as tight as their traffic?",
        ("vm-network-hardening", "vm-management-ports-closed", "vm-jit-network-access"),
    ),
    NetworkQuestion(
        "Are storage accounts receiving traffic over secure connections?",
        ("storage-transport-observed", "storage-secure-transfer", "storage-minimum-tls"),
    ),
    NetworkQuestion(
        "Do gateways, databases, caches and networks use secure transport?",
        (
            "application-gateway-transport-observed", "sql-transport-observed", "redis-transport-observed", "vnet-encryption-observed",
            "vpn-gateway-proposals-observed",
        ),
    ),
    NetworkQuestion("Do the logs arrive that prove it?", ("resource-logs-arrive", "vnet-flow-logs")),
)  # fmt: skip


class JudgedResource(msgspec.Struct, frozen=True):
    """A resource against a recommendation (the name of its definition), and the reason."""

    resource: str
    name: str
    recommendation: str
    title: str
    state: ComplianceState
    why: str


class AnswerEvidence(msgspec.Struct, frozen=True):
    """A line of evidence: the resource, what was found, and the rules or the log rows that say so."""

    resource: str
    name: str
    finding: str
    why: str
    recommendation: str = ""


class NetworkAnswer(msgspec.Struct, frozen=True):
    """The answer to a question: how many resources have a problem, are good, and are not fully assessed, and the evidence of problems.

    `unknown` counts every resource of `gaps`, also one in which another check found a problem.
    """

    question: str
    word: AnswerWord
    problems: int
    good: int
    unknown: int
    evidence: tuple[AnswerEvidence, ...]
    gaps: tuple[AnswerEvidence, ...] = ()


def list_keys() -> frozenset[str]:
    """Return the definitions that answer any question."""
    return frozenset[str]().union(*(one.keys for one in QUESTIONS))


def answer_questions(
    exposure: Iterable[ExposureRow], judged: Sequence[JudgedResource]
) -> list[NetworkAnswer]:
    """Answer every question from the exposure and the judged resources that may be read."""
    rows = tuple(exposure)
    return [
        _answer_by_policies(one, judged) if one.policies else _answer_from_exposure_rows(one, rows)
        for one in QUESTIONS
    ]


def _answer_from_exposure_rows(question: NetworkQuestion, rows: Sequence[ExposureRow]) -> NetworkAnswer:
    machines = [one for one in rows if one.type.lower() == MACHINE]
    exposed = [one for one in machines if one.state in (OPEN, LIMITED)]
    unknown = [one for one in machines if one.state == UNKNOWN]
    evidence = tuple(
        AnswerEvidence(one.resource, one.name, f"{one.protocol} {one.ports} from {one.sources}", one.rule_names or one.why)
        for one in exposed
    )  # fmt: skip
    gaps = tuple(AnswerEvidence(one.resource, one.name, "Not assessed", one.why) for one in unknown)
    reached = {one.resource.lower() for one in exposed}
    good = {one.resource.lower() for one in machines} - reached - {one.resource.lower() for one in unknown}
    return _make_answer(question, len(reached), len(good), evidence, gaps)


def _answer_by_policies(question: NetworkQuestion, judged: Sequence[JudgedResource]) -> NetworkAnswer:
    own = [one for one in judged if one.recommendation in question.keys]
    failed = [one for one in own if one.state is ComplianceState.NON_COMPLIANT]
    unknown = [one for one in own if one.state in (ComplianceState.UNKNOWN, ComplianceState.ERROR)]
    bad = {one.resource.lower() for one in failed}
    good = {one.resource.lower() for one in own if one.state is ComplianceState.COMPLIANT}
    good -= bad | {one.resource.lower() for one in unknown}
    return _make_answer(
        question, len(bad), len(good), tuple(map(_cite_resource, failed)), tuple(map(_cite_resource, unknown))
    )


def _cite_resource(one: JudgedResource) -> AnswerEvidence:
    return AnswerEvidence(one.resource, one.name, one.title, one.why, one.recommendation)


def _make_answer(
    question: NetworkQuestion,
    problems: int,
    good: int,
    evidence: tuple[AnswerEvidence, ...],
    gaps: tuple[AnswerEvidence, ...],
) -> NetworkAnswer:
    unknown = len({one.resource.lower() for one in gaps})
    nothing_known = not problems and not good
    word = (
        AnswerWord.PROBLEM
        if problems
        else AnswerWord.UNKNOWN
        if unknown or nothing_known
        else AnswerWord.GOOD
    )
    return NetworkAnswer(question.title, word, problems, good, unknown, evidence, gaps)
