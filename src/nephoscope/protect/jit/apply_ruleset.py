"""Loads a ruleset into the kernel of this host by `nft`."""

from __future__ import annotations

import shutil
import subprocess

from nephoscope.protect.jit.nftables_ruleset import TABLE

_SECONDS = 30


class RulesetError(Exception):
    """A ruleset that the kernel does not have: `nft` is missing, or refused it."""


def apply_ruleset(ruleset: str) -> None:
    """Load a ruleset in one step; raises RulesetError, and then the one before still holds."""
    _run_nft(["-f", "-"], ruleset)


def remove_ruleset() -> None:
    """Remove the table, so that nothing is guarded any more; raises RulesetError."""
    _run_nft(["-f", "-"], f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\n")


def _run_nft(arguments: list[str], given: str) -> None:
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin")
    if program is None:
        raise RulesetError("nft is not installed: install the package nftables")
    try:
        done = subprocess.run(  # noqa: S603 - nft of the system
            [program, *arguments], input=given, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RulesetError(f"nft did not end within {_SECONDS} s") from error
    if done.returncode:
        raise RulesetError(f"nft refused the ruleset: {done.stderr.strip()[:500]}")
