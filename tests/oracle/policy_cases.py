"""The policy oracle: `python tests/oracle/policy_cases.py FOLDER [-v] [--engine nephoscope|empty|error]`.

FOLDER holds any of azure_policy/cases, azure_policy/parser_tests/cases, azure_policy/normalization/cases and
azure_policy_builtins/cases. Every rule is judged by the compiled closures and by the explain interpreter; a difference is a miss.
Prints the switch profile, a sum per suite, and `N/M match`. The engines `empty` (no effect for everything) and `error`
(refuses everything) print the floor.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import builtin_suite
import corpus_records
import normalization_suite
import rules_suite

from nephoscope_policy import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

Case = tuple[str, bool, str]


def builtins(folder: Path, engine: str) -> Iterator[Case]:
    """The functions; the floor engines answer nothing or an error for each."""
    if engine == "nephoscope":
        yield from builtin_suite.run(folder)
        return
    for one in corpus_records.cases(folder):
        wants_error = "want_undefined" in one.value or "want_error" in one.value
        matched = wants_error if engine == "error" else "want_null" in one.value
        yield one.name, matched, one.wrong or engine


SUITES = {
    "azure_policy/cases": rules_suite.run,
    "azure_policy/parser_tests/cases": rules_suite.run,
    "azure_policy/normalization/cases": normalization_suite.run,
    "azure_policy_builtins/cases": builtins,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="show every miss")
    parser.add_argument("--engine", choices=["nephoscope", "empty", "error"], default="nephoscope")
    options = parser.parse_args()
    print(f"switches: {SWITCHES}")
    total = matched = 0
    for name, run in SUITES.items():
        folder = options.folder / name
        if not folder.is_dir():
            continue
        cases = list(run(folder, options.engine))
        good = sum(ok for _, ok, _ in cases)
        print(f"{name}: {good}/{len(cases)}")
        for case, ok, message in cases:
            if not ok and options.verbose:
                print(f"  miss {case}: {message}")
        total, matched = total + len(cases), matched + good
    if not total:
        print(f"no suite in {options.folder}", file=sys.stderr)
        return 2
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
