"""The unit, the image and the page about hardening say what is so."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from nephoscope.cli.main import Commands

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
HARDENING = (ROOT / "docs" / "guides" / "hardening.md").read_text()
#: Of other programs that the page calls.
FOREIGN = {"--read-only", "--tmpfs", "--cap-drop", "--security-opt", "--now", "--offline"}


def unit() -> dict[str, list[str]]:
    """Setting -> its values, in order."""
    found: dict[str, list[str]] = {}
    for line in (PACKAGING / "nephoscope.service").read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


def known(name: str) -> set[str]:
    """The options of a command and of the whole."""
    from nephoscope.cli.main import main

    program = main if isinstance(main, click.Group) else Commands(name="nephoscope")
    found = program.get_command(click.Context(program), name)
    assert found is not None, name
    several = [
        *found.params,
        *(one for each in getattr(found, "commands", {}).values() for one in each.params),
    ]
    return {text for one in several for text in (*one.opts, *one.secondary_opts)} | {
        "--data",
        "--state",
        "--help",
    }


def test_the_unit_starts_what_there_is():
    words = shlex.split(unit()["ExecStart"][0])
    assert words[0] == "/opt/nephoscope/bin/nephoscope"
    assert words[words.index("--data") + 1] == "/var/lib/nephoscope"
    assert options(words) <= known("serve")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DynamicUser", "yes"), ("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("ProtectHome", "yes"), ("PrivateTmp", "yes"),
        ("CapabilityBoundingSet", ""), ("StateDirectory", "nephoscope"), ("UMask", "0077"), ("Restart", "always"),
        ("RestrictNamespaces", "yes"),
    ],
)  # fmt: skip
def test_the_unit_is_closed(name, value):
    assert unit()[name] == [value]


def test_the_unit_lets_the_lake_be_written():
    # delta-rs reads /proc/meminfo before it writes, and ends the process where it is hidden
    assert unit().get("ProcSubset", ["all"]) == ["all"]
    assert "/proc" not in " ".join(unit().get("InaccessiblePaths", []))


def test_systemd_rates_the_unit_as_the_page_says():
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is needed: apt-get install systemd"
    file = str(PACKAGING / "nephoscope.service")
    told = subprocess.run(
        [program, "security", "--offline=true", "--threshold=15", file], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout[-300:] + told.stderr
    assert "rates it under 1.5" in HARDENING


def image() -> list[tuple[str, str]]:
    text = (PACKAGING / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith(("#", " "))]
    return [(word, rest) for word, rest in lines]


def test_the_image_runs_as_nobody_from_a_second_stage():
    steps = image()
    stages = [rest for word, rest in steps if word == "FROM"]
    assert len(stages) == 2
    assert all(re.fullmatch(r"[\w.-]+:\d+\.\d+\.\d+-[\w-]+( AS \w+)?", one) for one in stages), (
        "a version, and no host"
    )
    last = steps[max(at for at, (word, _) in enumerate(steps) if word == "FROM") :]
    assert ("USER", "10001:10001") in last
    assert [rest for word, rest in last if word == "COPY"] == ["--from=build /opt/nephoscope /opt/nephoscope"]
    assert not [
        rest for word, rest in steps if word == "ARG" or re.search(r"(?i)password|secret|token", rest)
    ]


def test_the_image_starts_what_there_is():
    steps = dict(image())
    words = [*json.loads(steps["ENTRYPOINT"]), *json.loads(steps["CMD"])]
    assert words[:3] == ["nephoscope", "--data", steps["VOLUME"]]
    assert options(words) <= known("serve")
    check = json.loads(steps["HEALTHCHECK"].partition("CMD ")[2])
    compile(check[2], "healthcheck", "exec")
    assert f"'{steps['VOLUME']}/tls/ca.crt'" in check[2]
    assert f":{steps['EXPOSE']}/readyz" in check[2]


def test_what_the_image_is_built_from_is_there():
    names = [
        line[1:]
        for line in (PACKAGING / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert [one for one in names if not (ROOT / one).exists()] == []


def test_the_source_as_it_is_handed_out_has_what_makes_the_image():
    made = tomllib.loads((ROOT / "pyproject.toml").read_text())
    handed = set(made["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    wanted = (PACKAGING / "Dockerfile.dockerignore").read_text().splitlines()
    assert {PACKAGING.name, *(line[1:] for line in wanted if line.startswith("!"))} - handed == {
        "pyproject.toml"  # which every source has
    }


def test_the_page_names_files_and_options_that_are_there():
    for path in re.findall(r"`?(packaging/[\w.]+)", HARDENING):
        assert (ROOT / path).is_file(), path
    for target in re.findall(r"\]\(([\w-]+\.md)", HARDENING):
        assert (ROOT / "docs" / "guides" / target).is_file(), target
    every = {one for name in ("serve", "backup", "restore", "access", "doctor") for one in known(name)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", HARDENING)) - FOREIGN - every == set()
