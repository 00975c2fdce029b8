"""Secrets that a change brings into a repository: in any file, at their lines, without their values."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.secrets.secret_rules import load_secret_rules
from nephoscope.collect.secrets.secrets_in_files import find_secrets, may_hold_secrets
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile
from nephoscope.posture.code.suppression import CodeSuppressions
from nephoscope_policy.arm.text_encoding import convert_to_utf8
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.collect.secrets.secret_location import SecretPlace
    from nephoscope.collect.templates.arm.template_repository import Repository

_PREFIX = "secret-"
_STEPS = (
    "Revoke the secret: everybody who reads the repository has it.",
    "Read it at run time, from a key vault or the secrets of the pipeline.",
)


class SecretsOfChange(msgspec.Struct):
    """The secrets that changed files bring, the files that were looked at, and those that were not."""

    findings: list[CodeFinding] = msgspec.field(default_factory=list)
    files: list[str] = msgspec.field(default_factory=list)
    unread: list[UnreadFile] = msgspec.field(default_factory=list)


def find_new_secrets(
    repository: Repository, names: Iterable[str], before: Mapping[str, bytes], now: datetime
) -> SecretsOfChange:
    """Find the secrets of files that are not in the texts that these had before."""
    found, key = SecretsOfChange(), secrets.token_bytes(32)
    for name in sorted(name for name in names if may_hold_secrets(name)):
        data = repository.load(name)
        if data is None:
            refusal = repository.explain_refusal(name)
            if refusal and b"\0" not in repository.read_head(name):
                found.unread.append(UnreadFile(Region(name, 1), f"secrets were not searched for: {refusal}"))
            continue
        found.files.append(name)
        scanned = find_secrets(name, data, key=key)
        if scanned.places:
            old = find_secrets(name, convert_to_utf8(before.get(name, b"")), key=key).places
            known = {(one.rule, one.fingerprint) for one in old}
            new = (one for one in scanned.places if (one.rule, one.fingerprint) not in known)
            found.findings += _list_findings(SourceText(name, data.decode("utf-8", "replace")), new, now)
    return found


def load_secret_code_rules() -> dict[str, CodeRule]:
    """Return the rules by which secrets are found, as rules of code."""
    return {
        rule.id: rule
        for rule in (
            CodeRule(
                id=f"{_PREFIX}{one.rule.id}",
                title=f"{one.rule.title} should be kept out of the repository",
                severity=Severity(one.rule.severity),
                description="A secret in a repository is read by everybody who reads the repository, and stays in its history.",
                steps=_STEPS,
                tags=("IM-8",),
            )
            for one in load_secret_rules()
        )
    }


def _list_findings(source: SourceText, places: Iterable[SecretPlace], now: datetime) -> Iterator[CodeFinding]:
    rules, suppressions = load_secret_code_rules(), CodeSuppressions(source, now)
    for place in places:
        rule = rules[f"{_PREFIX}{place.rule}"]
        region = _build_region_of_lines(source, place)
        ignored = suppressions.reason(rule, region)
        unreasoned = suppressions.describe_missing_reason(rule, region) if ignored is None else ""
        yield CodeFinding(
            rule=rule.id,
            region=region,
            message=f"{place.title} in the file" + (f" ({unreasoned})" if unreasoned else ""),
            severity=rule.severity,
            state=FindingState.SUPPRESSED if ignored is not None else FindingState.FAILED,
            reason=ignored or "",
            remediation=rule.steps,
        )


def _build_region_of_lines(source: SourceText, place: SecretPlace) -> Region:
    """Return the lines of a secret, to the end of the last one."""
    last = max(place.first_line, place.last_line)
    return Region(source.name, place.first_line, 1, last, source.find_end_column(last))
