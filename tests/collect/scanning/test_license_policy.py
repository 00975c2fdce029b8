"""What a policy says of the licenses of packages."""

from __future__ import annotations

import sys

import pytest

from nephoscope.collect.scanning import license_policy
from nephoscope.collect.scanning.license_policy import LicensePolicyError, assess_licenses, make_policy
from nephoscope.model.package import Package

PERMISSIVE = (["MIT", "Apache-2.0", "BSD-*"], [])
NO_COPYLEFT = ([], ["GPL-*", "AGPL-3.0-only"])


@pytest.mark.parametrize(
    ("licenses", "lists", "status"),
    [
        (["MIT"], PERMISSIVE, ""),
        (["mit"], PERMISSIVE, ""),
        (["BSD-3-Clause"], PERMISSIVE, ""),
        (["MPL-2.0"], PERMISSIVE, "NotAllowed"),
        (["MIT OR GPL-3.0-only"], PERMISSIVE, ""),
        (["MIT AND MPL-2.0"], PERMISSIVE, "NotAllowed"),
        (["MIT", "MPL-2.0"], PERMISSIVE, "NotAllowed"),
        (["MIT"], NO_COPYLEFT, ""),
        (["GPL-2.0"], NO_COPYLEFT, "Denied"),
        (["GPL-3.0+"], NO_COPYLEFT, "Denied"),
        (["(MIT AND GPL-2.0-only) OR AGPL-3.0-only"], NO_COPYLEFT, "Denied"),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], NO_COPYLEFT, "Denied"),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], (["GPL-2.0-only WITH Classpath-exception-2.0"], ["GPL-*"]), ""),
        (["Apache-2.0 WITH LLVM-exception"], PERMISSIVE, ""),
        ([], PERMISSIVE, "Unknown"),
        (["BSD"], PERMISSIVE, "Unknown"),
        (["See LICENSE"], NO_COPYLEFT, "Unknown"),
        (["MIT", "custom"], PERMISSIVE, "Unknown"),
        (["MIT OR custom"], PERMISSIVE, ""),
        (["MIT AND (custom OR GPL-3.0-only)"], NO_COPYLEFT, "Unknown"),
        (["GPL-3.0-only AND custom"], NO_COPYLEFT, "Denied"),
        (["(MIT"], PERMISSIVE, "Unknown"),
        (["(" * 3000 + "MIT"], PERMISSIVE, "Unknown"),
        (["A" * 5000], PERMISSIVE, "Unknown"),
        ([""], PERMISSIVE, "Unknown"),
    ],
)  # fmt: skip
def test_licenses_are_judged(licenses: list[str], lists: tuple[list[str], list[str]], status: str) -> None:
    package = Package(type="npm", name="a", version="1", licenses=tuple(licenses))
    found = assess_licenses([package], make_policy(*lists))
    assert [one.status for one in found] == ([status] if status else [])


def test_without_a_policy_nothing_is_asked() -> None:
    assert assess_licenses([Package(type="npm", name="a", version="1")], make_policy([], [])) == ()


@pytest.mark.parametrize("text", ["BSD", "Nonesuch-*", "MIT OR Apache-2.0", "(", ""])
def test_a_policy_names_licenses(text: str) -> None:
    with pytest.raises(LicensePolicyError):
        make_policy([text], [])


def test_the_worst_come_first() -> None:
    several = [
        Package(type="npm", name=name, version="1", licenses=licenses)
        for name, licenses in {
            "a": ("custom",),
            "b": ("MPL-2.0",),
            "c": ("GPL-3.0-only",),
            "d": ("MIT",),
        }.items()
    ]
    found = assess_licenses(several, make_policy(["MIT"], ["GPL-*"]))
    assert [(one.name, one.status) for one in found] == [
        ("c", "Denied"),
        ("b", "NotAllowed"),
        ("a", "Unknown"),
    ]


def test_without_the_library_a_policy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "license_expression", None)
    license_policy._load_licensing.cache_clear()
    with pytest.raises(LicensePolicyError, match=r"license-expression is not installed: .* install "):
        make_policy(["MIT"], [])
