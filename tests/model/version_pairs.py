"""Pairs of versions made at random, of the pieces that an ecosystem's order turns on; equal seeds give equal pairs."""

from __future__ import annotations

from random import Random

#: What versions of an ecosystem are put together of: pieces, and what may stand between them.
PIECES: dict[str, tuple[str, str]] = {
    "debian": ("0 1 2 9 10 007 a b rc z A ~ ~~ ~rc1 + +b1 deb12u1 ubuntu0.1", ". . - + ~ : "),
    "rpm": ("0 1 2 9 10 007 a b rc z A ~ ~rc1 ^ ^git1 fc39 el9_2", ". . _ ~ ^ +"),
    "rubygems": ("0 1 2 9 10 0 a b rc pre z A a1", ". . . -"),
    "npm": ("-alpha -alpha.1 -beta -rc.10 -rc.9 -0 -1 -x-y +build +1", ""),
    "packagist": (
        "0 1 2 9 10 1.0 2.3.4 -alpha -alpha1 -beta2 -RC1 RC2 -dev -patch1 -p2 b3 a -stable 2024.01.02",
        ".",
    ),
    "maven": ("0 1 2 9 10 01 a b m x alpha beta milestone rc cr snapshot final ga sp foo release", ". . -"),
    "pypi": ("0 1 2 9 10 1! a1 b2 rc3 .post1 .dev2 +local.1 +1 -1 c1 alpha preview2", "."),
}

#: What a version begins with, where a digit alone is none.
STARTS = {"npm": ("0.0.0", "1.2.3", "1.2.4", "1.10.0", "v2.0.0", "= 1.2.3")}


def make_pairs(ecosystem: str, count: int, seed: int = 20) -> list[tuple[str, str]]:
    """Return pairs of which half differ in one place only."""
    chance = Random(seed)
    pairs = []
    for _ in range(count):
        first = _make(ecosystem, chance)
        pairs.append(
            (first, _change(first, ecosystem, chance) if chance.random() < 0.5 else _make(ecosystem, chance))
        )
    return pairs


def _make(ecosystem: str, chance: Random) -> str:
    pieces, between = PIECES[ecosystem]
    several = pieces.split()
    separators = between.split() or [""]
    start = chance.choice(STARTS.get(ecosystem, "0123456789"))
    return start + "".join(
        (chance.choice(separators) if chance.random() < 0.7 else "") + chance.choice(several)
        for _ in range(chance.randrange(5))
    )


def _change(version: str, ecosystem: str, chance: Random) -> str:
    place = chance.randrange(1, len(version) + 1)
    kept = version[:place] if chance.random() < 0.4 else version[:place] + version[place + 1 :]
    return kept + chance.choice(("", "", *PIECES[ecosystem][0].split()))
