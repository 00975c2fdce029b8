"""How long the database of advisories takes: `python bench/advisory_speed.py [--images 10000] [--packages 200] [--advisories 40000]`.

A feed of advisories of six ecosystems is made and imported, packages of images are drawn from a pool as skewed as real ones, all are
matched once, then one advisory in a hundred changes: the feed is imported again and what changed is matched again. One line of JSON.
Target: what changed is matched again in at most 5 s.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from nephoscope.model.advisory import Advisory, AffectedPackage, AffectedRange
from nephoscope.model.package import Package
from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase
from nephoscope.vulnerability.database.changed_packages import PackageIndex
from nephoscope.vulnerability.database.feed_import import import_feed

#: Ecosystem of advisories, type, namespace and release of packages, and how its versions are written.
ECOSYSTEMS = (
    ("Debian:12", "deb", "debian", "12", "{}.{}.{}-{}"),
    ("Alpine:v3.19", "apk", "alpine", "3.19.1", "{}.{}.{}-r{}"),
    ("Red Hat:8", "rpm", "redhat", "8.6", "{}.{}.{}-{}.el8"),
    ("PyPI", "pypi", "", "", "{}.{}.{}.post{}"),
    ("npm", "npm", "", "", "{}.{}.{}"),
    ("Go", "golang", "", "", "v{}.{}.{}"),
)
NAMES = 6_000
MOST_SECONDS = 5.0
BUILDS = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def version(pattern: str, source: random.Random) -> str:
    """Return a random version."""
    return pattern.format(*(source.randrange(9) for _ in range(4)))


def advisories(count: int, changed: int) -> Iterator[Advisory]:
    """Give advisories; those whose number is divisible by 100 name another fix when `changed` is 1."""
    for number in range(count):
        source = random.Random(number * 2 + (changed if number % 100 == 0 else 0))
        ecosystem, *_, pattern = ECOSYSTEMS[number % len(ECOSYSTEMS)]
        fixed = version(pattern, source)
        affected = AffectedPackage(
            ecosystem=ecosystem,
            name=f"package-{random.Random(number).randrange(NAMES)}",
            ranges=(AffectedRange(fixed=fixed),),
            fixed_versions=(fixed,),
            state="fixed",
        )
        yield Advisory(id=f"CVE-2026-{number:06}", source="bench", affected=(affected,), details="x" * 400)


@cache
def package(place: int, name: int, build: int) -> Package:
    """Return one of the builds of a package of an ecosystem."""
    _, kind, namespace, release, pattern = ECOSYSTEMS[place]
    built = version(pattern, random.Random(f"{place} {name} {build}"))
    return Package(
        type=kind, namespace=namespace, distribution_version=release, name=f"package-{name}", version=built
    )


def packages(source: random.Random, count: int) -> Iterator[Package]:
    """Give the packages of an image: of one system and one language, few names far more often than others."""
    system, language = source.randrange(3), 3 + source.randrange(3)
    for number in range(count):
        name = int(source.paretovariate(0.6)) % NAMES
        yield package(system if number % 3 else language, name, source.randrange(BUILDS))


def main() -> int:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--packages", type=int, default=200)
    parser.add_argument("--advisories", type=int, default=40_000)
    arguments = parser.parse_args()
    took: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        took[name] = round(time.perf_counter() - clock, 2)
        clock = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "advisories.sqlite")
        first = import_feed(path, "bench", advisories(arguments.advisories, 0), imported=NOW.isoformat())
        lap("import")
        index = PackageIndex()
        for number in range(arguments.images):
            index.add(number, packages(random.Random(number), arguments.packages))
        lap("index")
        with AdvisoryDatabase(path, NOW) as database:
            lap("open")
            findings = sum(
                len(one.assessment.findings) * len(one.holders) for one in index.match_all_packages(database)
            )
        lap("match")
        import_feed(path, "bench", advisories(arguments.advisories, 1), imported=NOW.isoformat())
        lap("import_again")
        with AdvisoryDatabase(path, NOW) as database:
            changed = database.find_changed_packages(first.generation)
            again = [
                (len(one.assessment.findings), len(one.holders)) for one in index.rematch(changed, database)
            ]
        lap("rematch")
        size = path.stat().st_size
    result = {
        "instances": arguments.images * arguments.packages,
        "packages": len(index),
        "findings": findings,
        "changed_names": len(changed),
        "rematched_packages": len(again),
        "rematched_instances": sum(holders for _, holders in again),
        "seconds": took,
        "file_bytes": size,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(result))
    return 0 if took["rematch"] <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
