"""Each rule for images finds what it is for and passes the rest."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from nephoscope.collect.images.documents import ImageConfiguration
from nephoscope.collect.scanning.image_rules.discovery import load_image_checks
from nephoscope.collect.scanning.image_rules.image_evaluation import MAX_PLACES, assess_configuration
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage, ExaminedRoot, NotedFile
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.package import Package

# written in parts, so that no scanner of secrets takes it for one
TOKEN = "".join(("16C7e42F292c69", "12E7710c838347", "Ae178B4a"))
NOW = datetime(2026, 11, 30, tzinfo=UTC)
CASES = yaml.load(
    Path(__file__).with_name("cases").joinpath("image_rules.yaml").read_text().replace("%TOKEN%", TOKEN),
    yaml.CSafeLoader,
)


def noted_of(case: dict[str, Any]) -> dict[str, NotedFile]:
    return {
        path.rstrip("/"): NotedFile((stat.S_IFDIR if path.endswith("/") else stat.S_IFREG) | int(mode, 8))
        for path, mode in case.get("noted", {}).items()
    }


def image_of(case: dict[str, Any]) -> ExaminedImage:
    document = {
        "os": case.get("os", "linux"),
        "created": case.get("created", ""),
        "config": case.get("config", {}),
        "history": case.get("history", []),
        "rootfs": {"diff_ids": case.get("diff_ids", [])},
    }
    packages = msgspec.convert(case.get("packages", []), tuple[Package, ...])
    contents = InventoryContents(case.get("family", ""), case.get("release", ""), packages)
    configuration = msgspec.json.decode(msgspec.json.encode(document), type=ImageConfiguration)
    annotations = case.get("annotations", {})
    return ExaminedImage(contents, noted_of(case), NOW, "x", case.get("tag", ""), configuration, annotations)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_finds_and_passes(rule: str) -> None:
    check = load_image_checks()[rule]
    for case in CASES[rule]["finds"]:
        matches = list(check.run(image_of(case)))
        assert len(matches) == len(case["told"]), (case, matches)
        for match, told in zip(
            sorted(matches, key=lambda one: one.message), sorted(case["told"]), strict=True
        ):
            assert match.message.startswith(told)
            assert match.is_unknown == case.get("unknown", False)
    for case in CASES[rule]["passes"]:
        assert not list(check.run(image_of(case))), case


def test_every_rule_has_cases_both_ways() -> None:
    assert set(CASES) == set(load_image_checks())
    assert all(cases["finds"] and cases["passes"] for cases in CASES.values())


def test_rules_say_what_to_do() -> None:
    for check in load_image_checks().values():
        rule = check.rule
        assert rule.description.endswith("."), rule.id
        assert rule.steps, rule.id
        assert all(step.endswith((".", "FILE.")) for step in rule.steps), rule.id


def test_a_value_is_never_told() -> None:
    secret = f"ghp_{TOKEN}"
    image = image_of(
        {
            "config": {"Env": [f"A={secret}"], "Labels": {"b": secret}},
            "history": [{"created_by": f"RUN x {secret}"}],
        }
    )
    found = assess_configuration(image)
    assert {one.rule for one in found} >= {
        "image-secret-in-environment",
        "image-secret-in-label",
        "image-secret-in-history",
    }
    assert TOKEN not in msgspec.json.encode(found).decode()


def test_of_a_disk_only_rules_for_roots_are_judged() -> None:
    root = ExaminedRoot(InventoryContents("debian", "8"), noted_of({"noted": {"usr/bin/x": "4755"}}), NOW)
    assert [one.rule for one in assess_configuration(root)] == [
        "image-end-of-life",
        "image-unusual-setuid-program",
    ]


def test_places_of_a_rule_are_bounded() -> None:
    noted = {f"usr/bin/x{number:04}": "4755" for number in range(MAX_PLACES + 20)}
    found = assess_configuration(ExaminedRoot(InventoryContents(), noted_of({"noted": noted}), NOW))
    assert (len(found), found[-1].message) == (MAX_PLACES + 1, "and 20 more places")
