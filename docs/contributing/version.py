"""Write one version to every place that has it: `python docs/contributing/version.py 0.2.0`; without one, print what stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = (
    "src/nephoscope/__init__.py",
    "engines/kql/src/nephoscope_kql/__init__.py",
    "engines/policy/src/nephoscope_policy/__init__.py",
)
WRITTEN = re.compile(r'^(__version__ = ")([^"]+)(")', re.MULTILINE)
PINNED = re.compile(r'("nephoscope-(?:kql|policy)==)([^"]+)(")')
VERSION = re.compile(r"\d+\.\d+\.\d+(?:rc\d+)?")


def places() -> dict[str, re.Pattern[str]]:
    """The files that have the version, and how it stands there."""
    return {**dict.fromkeys(MODULES, WRITTEN), "pyproject.toml": PINNED}


def versions() -> dict[str, set[str]]:
    """The versions that stand in each file."""
    return {
        name: {found[1] for found in pattern.findall((ROOT / name).read_text(encoding="utf-8"))}
        for name, pattern in places().items()
    }


def write(version: str) -> None:
    """Write a version to every place."""
    for name, pattern in places().items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(pattern.sub(rf"\g<1>{version}\g<3>", text), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write or print; 2 where the version is none."""
    if arguments and not VERSION.fullmatch(arguments[0]):
        print(f"{arguments[0]!r} is no version: such as 0.2.0 or 0.2.0rc1 is wanted", file=sys.stderr)
        return 2
    if arguments:
        write(arguments[0])
    for name, found in versions().items():
        print(f"{', '.join(sorted(found))}  {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
