"""The loopback Azure of these tests, as a fixture, and the sample estate behind it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import azure_replay
import azure_server
import pytest

from nephoscope.analyze.discovery import load_analyzers
from nephoscope.collect.azure.content_requirements import ALWAYS, ContentNeeds
from nephoscope.content.loader import load_documents
from nephoscope.ingest.live.health.missing_logs import FLOW_LOG, LOGGED, NETWORKS, SETTING
from nephoscope.posture.attack_paths.graph_builder import READS
from nephoscope_policy.model.resource_id import ResourceId

SAMPLE = Path(__file__).parents[3] / "src" / "nephoscope" / "content" / "sample" / "snapshot"


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """The facts on where a type is read, as raw JSON."""
    document = next(
        iter(document for document in load_documents(None, "azure") if document.name == "reading.json")
    )
    return document.json()


@pytest.fixture(scope="session")
def sample_bodies() -> list[dict[str, Any]]:
    """Every body of the sample estate, as its files have it."""
    from nephoscope.collect import resources

    estate = resources.load([SAMPLE])
    bodies = []
    for resource in estate.resources.values():
        body = json.loads(json.dumps(resource.body))
        for column in ("tenantId", "subscriptionId", "resourceGroup"):
            body.pop(column, None)
        bodies.append(body)
    return bodies + [_vaulted(body) for body in bodies if "backupinstances" in body["type"].lower()]


def _vaulted(body: dict[str, Any]) -> dict[str, Any]:
    """The backup instance as its vault has it: that is how Resource Graph shows one."""
    group = ResourceId.parse(body["id"]).resource_group_id
    name = body["id"].rsplit("/", 1)[-1]
    return {
        **body,
        "id": f"{group}/providers/Microsoft.DataProtection/backupVaults/bv/backupInstances/{name}",
        "type": "Microsoft.DataProtection/backupVaults/backupInstances",
    }


@pytest.fixture(scope="session")
def tables(facts: dict[str, Any]) -> dict[str, str]:
    """The table of Resource Graph of each lower-cased type; '-' for types that it has not."""
    found = {type_.lower(): table for table, types in facts["tables"].items() for type_ in types}
    listed = {type_.lower() for type_ in (*facts["lists"], *facts["derived"])}
    return {**dict.fromkeys(listed - found.keys(), "-"), **found}


@pytest.fixture(scope="session")
def own_needs() -> ContentNeeds:
    """What the shipped content and the analyzers need."""
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.catalog import PolicyCatalog

    types = [type_ for analyzer in load_analyzers() for type_ in analyzer.types] + sorted(READS)
    return ContentNeeds.of(PolicyCatalog.of(load_documents(None, "policies")), types, Aliases.load_builtin())


@pytest.fixture(scope="session")
def needed_types() -> Any:
    """The same, worked out by the server's own reading of the documents."""
    found = azure_server.Needed()
    for document in load_documents(None, "policies"):
        found.add_document(document.json())
    found.types |= ALWAYS | READS | {type_ for analyzer in load_analyzers() for type_ in analyzer.types}
    found.types |= LOGGED | NETWORKS | {SETTING, FLOW_LOG}
    found.pairs |= {(type_, SETTING) for type_ in LOGGED}
    found.close()
    return found


@pytest.fixture
def needed(needed_types: Any) -> Any:
    """What a test may change of it."""
    return copy.deepcopy(needed_types)


@pytest.fixture(scope="session")
def replay() -> ModuleType:
    """What collects from it (tests/oracle/azure_replay.py)."""
    return azure_replay


@pytest.fixture
def azure(sample_bodies: list[dict[str, Any]], tables: dict[str, str], needed: Any) -> Iterator[Any]:
    """A loopback Azure with the sample estate behind it, in pages of 200."""
    with serving_estate(sample_bodies, tables, needed) as found:
        yield found


def serving_estate(
    bodies: list[dict[str, Any]], tables: dict[str, str], needed: Any
) -> AbstractContextManager[Any]:
    """Serve an estate of which nothing is changed outside."""
    world = azure_server.World.of(json.loads(json.dumps(bodies)), tables)
    return azure_server.serving(azure_server.Azure(world, needed, page=200, quota=(500, 1.0)))


@pytest.fixture(scope="package")
def collected(
    sample_bodies: list[dict[str, Any]], tables: dict[str, str], needed_types: Any, own_needs: ContentNeeds,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Any, Any, Path]]:  # fmt: skip
    """Everything, collected once for tests that only read it: the loopback Azure, what the collection tells, its folder."""
    out = tmp_path_factory.mktemp("collected") / "out"
    with serving_estate(sample_bodies, tables, copy.deepcopy(needed_types)) as azure:
        yield azure, azure_replay.collect(azure, own_needs, out), out
