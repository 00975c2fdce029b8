"""Recorded bodies collected from a loopback Azure: `python tests/oracle/collect.py CORPUS [--policies DIR] [-v]`.

CORPUS is the folder with live_arm_bodies.jsonl: bodies as Resource Manager returned them, in several subscriptions. They stand
behind a server (tests/oracle/azure_server.py) that enforces query shapes, page size, order, subscriptions and the
documented quota, fails in every way that passes, and refuses whatever the content does not need. The content is the shipped pack
and DIR (default: the public policy repository beside CORPUS). A recorded body whose type the content needs matches when the
snapshot has the same body; `N/M match` counts those and one for each request that should not have been sent.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure_replay
import azure_server
from corpus_records import lines

from nephoscope.analyze.discovery import load_analyzers
from nephoscope.collect import resources
from nephoscope.collect.azure.content_requirements import ALWAYS, ContentNeeds
from nephoscope.content.loader import load_documents
from nephoscope.ingest.live.health.missing_logs import FLOW_LOG, LOGGED, NETWORKS, SETTING
from nephoscope.posture.attack_paths.graph_builder import READS
from nephoscope.posture.scans.live_estate import find_content_needs
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.resource import Resource

FAULTS = {
    3: "429 quota",
    8: "503",
    20: "429 retry-after",
    33: "truncated",
    47: "429 milliseconds",
    60: "revoke",
    75: "reset",
}


def bodies(corpus: Path) -> Iterator[dict[str, Any]]:
    """One recorded body per id; what bodies carry inside comes with them."""
    estate = resources.load([corpus / "live_arm_bodies.jsonl"])
    carried = {key for resource in estate.resources.values() for key in _carried(resource)}
    for key, resource in estate.resources.items():
        if not resource.derived and key not in carried:
            yield json.loads(json.dumps(resource.body))


def unreadable(corpus: Path) -> Iterator[str]:
    """The lines of the corpus that hold no body of a resource: each is a miss."""
    for line in lines(corpus / "live_arm_bodies.jsonl"):
        body = line.value.get("resource")
        if not (isinstance(body, dict) and isinstance(body.get("id"), str)):
            yield f"{line.place}: {line.wrong or 'no body of a resource with an id'}"


def _carried(resource: Resource) -> Iterator[str]:
    from nephoscope.collect.resources.child_resources import iterate_children

    return (str(record.body["id"]).lower() for record in iterate_children(resource.body, resource.id))


def served(corpus: Path, folders: list[Path]) -> azure_server.Azure:
    """The server's state over a corpus and content."""
    facts = next(one for one in load_documents(None, "azure") if one.name == "reading.json").json()
    tables = {type_.lower(): table for table, types in facts["tables"].items() for type_ in types}
    elsewhere = {type_.lower() for type_ in (*facts["lists"], *facts["derived"])} - tables.keys()
    world = azure_server.World.of(bodies(corpus), {**dict.fromkeys(elsewhere, "-"), **tables})
    needed = azure_server.Needed()
    for source in (None, *folders):
        for document in load_documents(source, "" if source else "policies"):
            try:
                needed.add_document(document.json())
            except (ContentError, AttributeError):
                continue
    needed.types |= ALWAYS | READS | {type_ for analyzer in load_analyzers() for type_ in analyzer.types}
    needed.types |= LOGGED | NETWORKS | {SETTING, FLOW_LOG}
    needed.pairs |= {(type_, SETTING) for type_ in LOGGED}
    needed.close()
    return azure_server.Azure(world, needed, page=100, faults=dict(FAULTS))


def wanted(needs: ContentNeeds, unread: dict[str, str], azure: azure_server.Azure) -> set[str]:
    """The types of the estate that must be in the snapshot whole."""
    partly = {"microsoft.security/assessments"}
    extensions = {
        type_ for type_ in needs.parents if type_.count("/") == 1 and azure.world.table(type_) == "-"
    }
    return needs.types - set(unread) - partly - (extensions & {"microsoft.insights/diagnosticsettings"})


def main() -> int:
    """Run and print; exit 1 where something differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--policies", type=Path)
    parser.add_argument("-v", action="store_true", help="list what differs")
    options = parser.parse_args()
    folders = [options.policies or options.corpus.parent / "azure-policy"]
    azure = served(options.corpus, folders)
    with tempfile.TemporaryDirectory() as place, azure_server.serving(azure):
        needs = find_content_needs(Path(place) / "data", folders)
        begun = time.monotonic()
        found = azure_replay.collect(azure, needs, Path(place) / "out")
        seconds = time.monotonic() - begun
        types = wanted(needs, found.unread, azure)
        wrong = azure_replay.differences(azure, Path(place) / "out", types)
        total = len(
            {key for key, _ in azure_replay.bodies_and_children(azure) if azure_replay.type_of(key) in types}
        )
    broken = list(unreadable(options.corpus))
    total += len(broken)
    wrong += broken + azure.problems + [str(gap) for gap in found.gaps]
    for line in wrong if options.v else wrong[:10]:
        print(line)
    print(
        f"served {len(azure.world.bodies)} bodies in {found.subscriptions} subscriptions; content needs {total} of them"
    )
    for what, count in sorted(found.requests.items(), key=lambda pair: -pair[1])[: None if options.v else 12]:
        print(f"{count:6d}  {what}")
    print(
        f"{found.requests.total()} requests, {found.requests.total() / max(found.resources, 1):.3f} a resource, ",
        end="",
    )
    print(
        f"{found.retried.total()} again, {azure.tokens} tokens, {azure.over_quota} over quota, {seconds:.1f} s"
    )
    print(f"{max(0, total - len(wrong))}/{total} match")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
