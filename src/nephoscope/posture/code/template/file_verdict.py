"""File verdict in storable form: template report, findings of code rules, files read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, UnreadFile
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.code.template.template_report import TemplateReport
from nephoscope_policy.model.state import ComplianceState


class JudgedTemplate(msgspec.Struct, frozen=True, array_like=True):
    """Result of evaluating the plans of a template, in the form of TemplateReport."""

    findings: tuple[CodeFinding, ...]
    unread: tuple[UnreadFile, ...]
    states: dict[ComplianceState, int]
    elsewhere: dict[str, int]
    resources: tuple[PlannedPlace, ...]

    @classmethod
    def of(cls, report: TemplateReport) -> JudgedTemplate:
        """Freeze a report."""
        return cls(
            tuple(report.findings),
            tuple(report.unread),
            dict(report.states),
            dict(report.elsewhere),
            tuple(report.resources),
        )


class JudgedFile(msgspec.Struct, frozen=True, array_like=True):
    """Findings of the rules of the reader that claims a file; `judged` is False where none claims it or it could not be read."""

    judged: bool
    findings: tuple[CodeFinding, ...]
    unread: tuple[UnreadFile, ...]


class FileVerdict(msgspec.Struct, frozen=True, array_like=True):
    """Verdict on a file.

    `loaded` are the files that its expansion asked for, with the digest of what each held ('' = there was none). `unread` are the
    expansions that failed as a whole. `judged` is None for what is no template, and for a template that another one deploys.
    `rules` are those that findings name. `lasting` is False where a policy asked for the time.
    `configured` are the folders that a Terraform plan was made from.
    """

    is_template: bool
    loaded: tuple[tuple[str, str], ...] = ()
    unread: tuple[UnreadFile, ...] = ()
    judged: JudgedTemplate | None = None
    beside: JudgedFile | None = None
    rules: tuple[CodeRule, ...] = ()
    lasting: bool = True
    configured: tuple[str, ...] = ()

    @property
    def is_verdict_missing(self) -> bool:
        """Say whether it is a template that was not judged, as another one deployed it."""
        return self.is_template and self.judged is None

    def find_linked_templates(self, name: str, templates: Container[str]) -> frozenset[str]:
        """Give the templates, other than the file of this name, that it deploys."""
        return frozenset(one for one, digest in self.loaded if digest and one in templates and one != name)

    def report(self, name: str, *, deployed: bool) -> TemplateReport:
        """Give the report of a template; of one that another deploys only what could not be expanded."""
        found = TemplateReport(files=[name], unread=[*self.unread])
        if self.judged is not None and not deployed:
            found.findings += self.judged.findings
            found.unread += self.judged.unread
            found.states = Counter(self.judged.states)
            found.elsewhere = Counter(self.judged.elsewhere)
            found.resources += self.judged.resources
        return found


def select_named_rules(known: Mapping[str, CodeRule], findings: Iterable[CodeFinding]) -> Sequence[CodeRule]:
    """Give the rules that findings name, of those that are known."""
    return [known[rule] for rule in dict.fromkeys(one.rule for one in findings) if rule in known]
