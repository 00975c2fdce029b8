"""The verdict on an image: what its policy says to what was found, with every reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, TypeAlias

import msgspec

from nephoscope.protect.registry.image_policy import Effect, ImagePolicy
from nephoscope.vulnerability.matching.findings import PackageAssessment, PackageFinding
from nephoscope.vulnerability.matching.risk_order import build_risk_key, count_severities
from nephoscope.vulnerability.severities import rank_severity

Verdict: TypeAlias = Literal["promote", "reject", "hold"]
ProblemKind: TypeAlias = Literal[
    "malware", "suspicious", "malware_unknown", "secret", "configuration", "configuration_unknown", "license", "license_unknown",
    "unread", "age", "signature", "attestation", "artifact",
]  # fmt: skip
#: Reasons of a kind that are told one by one; of more their number is told.
MOST_REASONS = 20
_STRICTEST: dict[str, int] = {"allow": 0, "hold": 1, "reject": 2}


class ImageProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found beside vulnerabilities, or could not be found out; `key` names the rule, the license or the file."""

    kind: ProblemKind
    key: str
    text: str


class PlatformExamination(msgspec.Struct, frozen=True, kw_only=True):
    """An image for one machine as it was examined; `absence` says why its packages cannot be all, '' where they can.

    `exploitation` says why it is not known which vulnerabilities are exploited, '' where it is.
    """

    digest: str
    platform: str
    assessments: tuple[PackageAssessment, ...] = ()
    absence: str = ""
    exploitation: str = ""
    problems: tuple[ImageProblem, ...] = ()


class VerdictReason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Reason of a verdict on an image: why it is not promoted, or what was let pass; `effect` says which."""

    kind: str
    key: str
    effect: Effect
    text: str
    platform: str = ""


class ImageVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Verdict on an image and its reasons; `concerns` are the kind and key of every reason, also of those that are not listed."""

    verdict: Verdict
    reasons: tuple[VerdictReason, ...] = ()
    concerns: tuple[tuple[str, str], ...] = ()


def assess_image(
    images: Sequence[PlatformExamination],
    policy: ImagePolicy,
    today: date,
    accepted: frozenset[tuple[str, str]] = frozenset(),
) -> ImageVerdict:
    """Return the verdict on an image with all of its machines: the strictest of any. One that holds no image at all is held.

    `accepted` are reasons (kind, key) that a person let pass; malware is never among them.
    """
    reasons = [
        msgspec.structs.replace(reason, effect="allow") if _is_reason_accepted(reason, accepted) else reason
        for image in images
        for reason in _list_reasons(image, policy, today)
        if reason.effect != "allow"
    ]
    if not images:
        reasons.append(
            VerdictReason(
                kind="artifact", key="", effect="hold", text="it has no image that could be examined"
            )
        )
    strictest = max((_STRICTEST[one.effect] for one in reasons), default=0)
    verdict: Verdict = ("promote", "hold", "reject")[strictest]
    ordered = sorted(reasons, key=lambda one: (-_STRICTEST[one.effect], one.kind))
    concerns = tuple(sorted({(one.kind, one.key) for one in reasons if one.effect != "allow"}))
    return ImageVerdict(verdict=verdict, reasons=tuple(_limit_reasons(ordered)), concerns=concerns)


def _is_reason_accepted(reason: VerdictReason, accepted: frozenset[tuple[str, str]]) -> bool:
    """Return whether a person let a reason pass: it is told all the same."""
    return reason.kind != "malware" and (reason.kind, reason.key) in accepted


def _list_reasons(image: PlatformExamination, policy: ImagePolicy, today: date) -> Iterable[VerdictReason]:
    counted = sorted(
        {
            (finding.id, finding.package.name, finding.package.version): finding
            for one in image.assessments
            for finding in one.findings
            if not _is_exempt(finding, policy, today)
        }.values(),
        key=build_risk_key,
    )
    for finding in counted:
        effect, why = _assess_finding(finding, policy)
        if effect != "allow":
            yield VerdictReason(
                kind="vulnerability",
                # what a person let pass before anybody exploited it is another matter once somebody does
                key=f"{finding.id} exploited" if finding.is_exploited else finding.id,
                effect=effect,
                text=_describe_finding(finding, why),
                platform=image.platform,
            )
    yield from _list_unknown_reasons(image, policy)
    yield from _warn_of_unknown_exploitation(image, policy, counted)
    for problem in image.problems:
        yield VerdictReason(
            kind=problem.kind,
            key=problem.key,
            effect=_find_effect(problem, policy),
            text=problem.text,
            platform=image.platform,
        )


def _is_exempt(finding: PackageFinding, policy: ImagePolicy, today: date) -> bool:
    return any(one.covers(finding.ids(), finding.package.name, today) for one in policy.exemptions)


def _assess_finding(finding: PackageFinding, policy: ImagePolicy) -> tuple[Effect, str]:
    """Return what follows of a vulnerability, the strictest of all that applies, and why."""
    found: list[tuple[Effect, str]] = [("allow", "")]
    if finding.is_exploited:
        found.append((policy.exploited, "is exploited"))
    if not (policy.fixable_only and not finding.fixed_version):
        if rank_severity(finding.severity) == 0:
            found.append((policy.unknown, "has an unknown severity"))
        elif rank_severity(finding.severity) > rank_severity(policy.max_severity):
            found.append((policy.vulnerabilities, f"is {finding.severity}"))
    return max(found, key=lambda one: _STRICTEST[one[0]])


def _describe_finding(finding: PackageFinding, why: str) -> str:
    fixed = f", fixed in {finding.fixed_version}" if finding.fixed_version else ", without a fix"
    return f"{finding.id} of {finding.package.name} {finding.package.version} {why}{fixed}"


def _list_unknown_reasons(image: PlatformExamination, policy: ImagePolicy) -> Iterable[VerdictReason]:
    """Yield what is not known of its packages: not assessed, by data that are too old, or not to be compared."""
    if policy.unknown == "allow":
        return
    absence = image.absence or ("" if image.assessments else "no package was found")
    if absence and not any(
        one.kind in ("unread", "artifact", "signature", "attestation") for one in image.problems
    ):
        text = f"{absence}, so that not all of its vulnerabilities can be known"
        yield VerdictReason(
            kind="not_assessed", key=absence, effect=policy.unknown, text=text, platform=image.platform
        )
    by_reason: dict[str, int] = {}
    for one in image.assessments:
        if one.status in ("not_assessed", "stale"):
            by_reason[one.reason or one.status] = by_reason.get(one.reason or one.status, 0) + 1
        elif one.undetermined:
            incomparable = "a version could not be compared with an advisory's"
            by_reason[incomparable] = by_reason.get(incomparable, 0) + 1
    for reason, number in sorted(by_reason.items()):
        text = f"{number} {'package was' if number == 1 else 'packages were'} not assessed: {reason}"
        yield VerdictReason(
            kind="not_assessed", key=reason, effect=policy.unknown, text=text, platform=image.platform
        )


def _warn_of_unknown_exploitation(
    image: PlatformExamination, policy: ImagePolicy, counted: Sequence[PackageFinding]
) -> Iterable[VerdictReason]:
    """Yield that vulnerabilities which the policy lets pass may be exploited, where no catalog tells."""
    if "allow" in (policy.unknown, policy.exploited) or not image.exploitation:
        return
    passing = {
        one.id
        for one in counted
        if any(name.startswith("CVE-") for name in one.ids()) and _assess_finding(one, policy)[0] == "allow"
    }
    if passing:
        number = f"{len(passing)} {'vulnerability is' if len(passing) == 1 else 'vulnerabilities are'}"
        text = f"whether {number} exploited is unknown: {image.exploitation}"
        yield VerdictReason(
            kind="not_assessed",
            key=image.exploitation,
            effect=policy.unknown,
            text=text,
            platform=image.platform,
        )


def _find_effect(problem: ImageProblem, policy: ImagePolicy) -> Effect:
    match problem.kind:
        case "malware" | "age":
            return "reject"
        case "artifact" | "signature" | "attestation":
            return "hold"
        case "configuration" | "configuration_unknown":
            wanted = "*" in policy.configuration or problem.key in policy.configuration
            return ("reject" if problem.kind == "configuration" else "hold") if wanted else "allow"
        case "license":
            return policy.licenses
        case "license_unknown":
            return policy.licenses if policy.licenses != "reject" else "hold"
        case "secret":
            return policy.secrets
        case "suspicious":
            return policy.suspicious
        case "malware_unknown":
            return policy.malware_unknown
        case "unread":
            return policy.unread


def _limit_reasons(reasons: Sequence[VerdictReason]) -> Iterable[VerdictReason]:
    """Yield the first reasons of each kind and effect, and how many more there are."""
    seen: dict[tuple[str, str], int] = {}
    for one in reasons:
        key = (one.kind, one.effect)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= MOST_REASONS:
            yield one
    for (kind, effect), number in seen.items():
        if number > MOST_REASONS:
            text = f"{number - MOST_REASONS} more of the kind {kind.replace('_', ' ')}"
            yield VerdictReason(kind=kind, key="", effect=effect, text=text)  # type: ignore[arg-type]


def summarize_images(images: Sequence[PlatformExamination]) -> dict[str, object]:
    """Return the numbers of an examination: packages, vulnerabilities by severity, what was not assessed, and problems by kind."""
    assessments = [one for image in images for one in image.assessments]
    findings = [finding for one in assessments for finding in one.findings]
    problems: dict[str, int] = {}
    for image in images:
        for one in image.problems:
            problems[one.kind] = problems.get(one.kind, 0) + 1
    return {
        "platforms": [one.platform for one in images if one.platform],
        "packages": len(assessments),
        "vulnerabilities": dict(count_severities(findings)),
        "exploited": len({one.id for one in findings if one.is_exploited}),
        "notAssessed": sum(one.status in ("not_assessed", "stale") for one in assessments),
        "problems": problems,
    }
