"""The verdict of a policy on what was found, case by case."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from nephoscope.model.package import Package
from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.verdicts import (
    MOST_REASONS,
    ImageProblem,
    PlatformExamination,
    assess_image,
)
from nephoscope.vulnerability.matching.findings import PackageAssessment, PackageFinding, Undetermined

TODAY = date(2026, 3, 1)
PACKAGE = Package(type="deb", name="foo", version="1")


def finding(
    severity: str = "Critical", fixed: str = "2", name: str = "CVE-2026-1", **more: Any
) -> PackageFinding:
    return PackageFinding(
        id=name,
        package=PACKAGE,
        state="fixed",
        severity=severity,
        reasons=(),
        fixed_version=fixed,
        **more,
    )


def assessed(*findings: PackageFinding, **more: Any) -> PlatformExamination:
    one = PackageAssessment(package=PACKAGE, status=more.pop("status", "assessed"), findings=findings, **more)
    return PlatformExamination(digest="d", platform="linux/amd64", assessments=(one,))


def uncataloged(*findings: PackageFinding) -> PlatformExamination:
    return msgspec.structs.replace(assessed(*findings), exploitation="no catalog")


def problem(kind: str, key: str = "k") -> PlatformExamination:
    found = ImageProblem(kind=kind, key=key, text="so it is")  # type: ignore[arg-type]
    return msgspec.structs.replace(assessed(), problems=(found,))


EXEMPT = [{"vulnerability": "cve-2026-1", "reason": "r", "expires": "2026-03-01"}]
CASES: dict[str, tuple[list[PlatformExamination], dict[str, Any], str]] = {
    "nothing": ([assessed()], {}, "promote"),
    "critical": ([assessed(finding())], {}, "reject"),
    "critical may be": ([assessed(finding())], {"maxSeverity": "Critical"}, "promote"),
    "critical held": ([assessed(finding())], {"vulnerabilities": "hold"}, "hold"),
    "medium": ([assessed(finding("Medium"))], {}, "promote"),
    "no fix": ([assessed(finding(fixed=""))], {"fixableOnly": True}, "promote"),
    "no fix but exploited": ([assessed(finding(fixed="", is_exploited=True))], {"fixableOnly": True}, "reject"),
    "exploited low": ([assessed(finding("Low", is_exploited=True))], {}, "reject"),
    "exploited may be": ([assessed(finding("Low", is_exploited=True))], {"exploited": "allow"}, "promote"),
    "unknown severity": ([assessed(finding("Unknown"))], {}, "hold"),
    "unknown severity rejects": ([assessed(finding("Unknown"))], {"unknown": "reject"}, "reject"),
    "not assessed": ([assessed(status="not_assessed", reason="no feed")], {}, "hold"),
    "not assessed is let pass aloud": ([assessed(status="not_assessed")], {"unknown": "allow"}, "promote"),
    "stale": ([assessed(status="stale")], {}, "hold"),
    "not compared": ([assessed(undetermined=(Undetermined("A", "r"),))], {}, "hold"),
    "own": ([assessed(status="own")], {}, "promote"),
    "no package": ([PlatformExamination(digest="d", platform="p")], {}, "hold"),
    "no image": ([], {"unknown": "allow"}, "hold"),
    "one of two machines": ([assessed(), assessed(finding())], {}, "reject"),
    "exempt": ([assessed(finding())], {"exemptions": EXEMPT}, "promote"),
    "exempt until yesterday": (
        [assessed(finding())], {"exemptions": [{**EXEMPT[0], "expires": "2026-02-28"}]}, "reject",
    ),
    "exempt in another package": (
        [assessed(finding())], {"exemptions": [{**EXEMPT[0], "package": "bar"}]}, "reject",
    ),
    "malware": ([problem("malware")], {}, "reject"),
    "not looked through for malware": ([problem("malware_unknown")], {}, "hold"),
    "suspicious": ([problem("suspicious")], {}, "hold"),
    "secret": ([problem("secret")], {}, "reject"),
    "secret may be": ([problem("secret")], {"secrets": "allow"}, "promote"),
    "configuration that is not asked for": ([problem("configuration", "root-user")], {}, "promote"),
    "configuration": ([problem("configuration", "root-user")], {"configuration": ["root-user"]}, "reject"),
    "any configuration": ([problem("configuration", "root-user")], {"configuration": ["*"]}, "reject"),
    "unknown configuration": ([problem("configuration_unknown", "x")], {"configuration": ["*"]}, "hold"),
    "license": ([problem("license")], {"licenses": "reject"}, "reject"),
    "unknown license": ([problem("license_unknown")], {"licenses": "reject"}, "hold"),
    "unread": ([problem("unread")], {}, "hold"),
    "age": ([problem("age")], {}, "reject"),
    "no catalog of exploited vulnerabilities": ([uncataloged(finding("Low"))], {}, "hold"),
    "no catalog, and nothing found": ([uncataloged()], {}, "promote"),
    "no catalog, and a worse reason": ([uncataloged(finding())], {}, "reject"),
    "no catalog, and no name that one has": ([uncataloged(finding("Low", name="GHSA-1"))], {}, "promote"),
    "no catalog, which does not matter": ([uncataloged(finding("Low"))], {"exploited": "allow"}, "promote"),
    "no catalog, let pass aloud": ([uncataloged(finding("Low"))], {"unknown": "allow"}, "promote"),
    "artifact": ([problem("artifact")], {"unread": "allow", "unknown": "allow"}, "hold"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_verdict(name: str) -> None:
    images, policy, wanted = CASES[name]
    found = assess_image(images, msgspec.convert(policy, ImagePolicy), TODAY)
    assert (found.verdict, bool(found.reasons)) == (wanted, wanted != "promote")


def test_what_a_person_let_pass_counts_no_more_but_malware_does() -> None:
    images = [assessed(finding()), problem("malware")]
    found = assess_image(images, ImagePolicy(), TODAY)
    assert found.concerns == (("malware", "k"), ("vulnerability", "CVE-2026-1"))
    again = assess_image(images, ImagePolicy(), TODAY, frozenset(found.concerns))
    assert again.concerns == (("malware", "k"),)
    assert [(one.kind, one.effect) for one in again.reasons] == [
        ("malware", "reject"),
        ("vulnerability", "allow"),
    ]


def test_a_vulnerability_that_was_let_pass_counts_again_once_it_is_exploited() -> None:
    accepted = frozenset(assess_image([assessed(finding())], ImagePolicy(), TODAY).concerns)
    later = assess_image([assessed(finding(is_exploited=True))], ImagePolicy(), TODAY, accepted)
    assert (later.verdict, [one.effect for one in later.reasons]) == ("reject", ["reject"])


def test_what_was_not_assessed_is_let_pass_for_its_reason_alone() -> None:
    images = [assessed(status="not_assessed", reason="no feed speaks of pypi")]
    accepted = frozenset(assess_image(images, ImagePolicy(), TODAY).concerns)
    assert assess_image(images, ImagePolicy(), TODAY, accepted).verdict == "promote"
    later = [assessed(status="stale", reason="the feed is too old")]
    assert assess_image(later, ImagePolicy(), TODAY, accepted).verdict == "hold"


def test_of_many_reasons_the_first_and_the_number_are_told() -> None:
    several = [problem("secret", str(number)) for number in range(MOST_REASONS + 5)]
    found = assess_image(several, ImagePolicy(), TODAY)
    assert (len(found.reasons), found.reasons[-1].text) == (MOST_REASONS + 1, "5 more of the kind secret")
    assert len(found.concerns) == MOST_REASONS + 5
