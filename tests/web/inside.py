"""A machine, images and a watched registry, with advisories that speak of what they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.service.acting import SUBSCRIPTION

from nephoscope.collect.images.layers import UnreadLayerFile
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.advisory import Advisory, AffectedPackage, AffectedRange
from nephoscope.model.package import Package
from nephoscope.model.running_container import RunningContainer
from nephoscope.protect.registry.registry_connection import RegistrySecrets
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.advisories import get_advisories_path
from nephoscope.service.inventories import ImageScan, MachineScan, keep_image_listing, keep_inventory
from nephoscope.service.local_user import LocalUser
from nephoscope.service.registries import add_registry
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.inventory.image_examinations import ImageFinding, StoredExamination
from nephoscope.state.inventory.inventories import ImageListing
from nephoscope.state.registries.registry_images import ImageStatus, RegistryImage
from nephoscope.vulnerability.database.feed_import import import_feed
from nephoscope.vulnerability.feeds.feed_records import ExploitedVulnerability, ExploitPrediction

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

CVE, OTHER = "CVE-2031-1", "CVE-2031-2"
VM = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/web1"
CLUSTER = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.ContainerService/managedClusters/aks1"
REGISTRY = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.ContainerRegistry/registries/acr1"
HELD, BAD, FREE = (f"sha256:{letter * 64}" for letter in "abc")
LAYER = f"sha256:{'d' * 64}"
SECRET = "not-to-be-seen"
SERVER = "acr.contoso.example"


def advisory(id_: str, name: str, severity: str) -> Advisory:
    affected = AffectedPackage(
        ecosystem="PyPI",
        name=name,
        ranges=(AffectedRange(fixed="2.0"),),
        fixed_versions=("2.0",),
        state="fixed",
    )
    return Advisory(
        id=id_, source="osv", severity=severity, affected=(affected,), summary=f"about <{name}>", aliases=(f"GHSA-{name}",),
        references=("https://advisories.example/1", "javascript:alert(1)"), published="2031-01-01T00:00:00Z",
    )  # fmt: skip


def package(name: str, type_: str = "pypi", layer: str = "") -> Package:
    return Package(type=type_, name=name, version="1.0", path=f"app/{name}/METADATA", layer=layer)


def look_inside(state: State, data: Path, *, days: int = 7) -> ServiceContext:
    """Keep a machine of two packages, of which one is not assessed, and three images: held, rejected, not watched."""
    now = datetime.now(UTC)
    path = get_advisories_path(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    records = (
        advisory(CVE, "lamp", "Critical"),
        advisory(OTHER, "desk", "Medium"),
        ExploitedVulnerability(id=CVE, source="kev", added="2031-01-02"),
        ExploitPrediction(id=CVE, date="2031-01-02", probability=0.91, percentile=0.99),
    )
    import_feed(path, "pypi", records, imported=(now - timedelta(days=3)).isoformat(), longest_age=days * 24)
    context = ServiceContext(LocalUser("kim"), state, data)
    contents = InventoryContents(
        "debian",
        "12",
        (package("lamp"), package("chair", "unheard")),
        (),
        (UnreadLayerFile("etc/x", "denied"),),
    )
    keep_inventory(context, MachineScan(contents, now, "web1", VM))
    watch(context, now)
    image = InventoryContents(packages=(package("lamp", layer=LAYER), package("desk", layer=LAYER)))
    for digest, repository in ((HELD, "quarantine/shop/web"), (BAD, "quarantine/shop/miner")):
        keep_inventory(context, ImageScan(image, now, repository, digest, SERVER, ("1.4",), REGISTRY))
    found = (
        ImageFinding("secret", "Private <key>", "High", "private-key", "app/id_rsa", 1, LAYER),
        ImageFinding("configuration", "A user should be set: root", "Medium", "user-is-root"),
    )
    examination = StoredExamination.of(("configuration", "secrets"), found)
    alpine = InventoryContents("alpine", "3.19", ())
    keep_inventory(context, ImageScan(alpine, now, "shop/free", FREE, tags=("v1",), examination=examination))
    container = RunningContainer(HELD, "main", "web", "ReplicaSet", "shop-1")
    keep_image_listing(context, ImageListing(CLUSTER.lower(), "", now, frozenset({HELD}), (container,)))
    return context


def watch(context: ServiceContext, now: datetime) -> None:
    """Add a registry with two images in quarantine."""
    settings = read_settings(
        {
            "resourceId": REGISTRY,
            "requestRegistries": ["docker.io"],
            "quarantine": [{"quarantine": "quarantine/*", "approved": "approved/*"}],
        }
    )
    add_registry(context, "prod", SERVER, settings, username="robot", given=RegistrySecrets(password=SECRET))
    summary = {
        "platforms": ["linux/amd64"], "packages": 2, "vulnerabilities": {"Critical": 1}, "exploited": 1, "notAssessed": 1,
        "problems": {"secret": 2}, "signedBy": ["release"],
        "attestations": [
            {"predicateType": "https://slsa.dev/provenance/v1", "keys": ["release"], "builder": "https://build.example"}
        ],
    }  # fmt: skip
    reasons = (
        {"kind": "secret", "key": "aws-key", "effect": "hold", "text": "app/.env:3 has <an access key>"},
        {"kind": "vulnerability", "key": CVE, "effect": "reject", "text": f"{CVE} of lamp 1.0 is exploited"},
    )
    held = RegistryImage(
        "prod", "quarantine/shop/web", HELD, now, now, ("1.4",), status=ImageStatus.HELD, verdict="hold", reasons=reasons,
        summary=summary, target="approved/shop/web", manifests=(HELD,), examined=now,
    )  # fmt: skip
    bad = ({"kind": "malware", "key": "XMRig", "effect": "reject", "text": "bin/x is a miner"},)
    rejected = replace(
        held, repository="quarantine/shop/miner", digest=BAD, manifests=(BAD,), status=ImageStatus.REJECTED, verdict="reject",
        reasons=bad, summary={**summary, "problems": {"malware": 1}}, target="approved/shop/miner",
    )  # fmt: skip
    with context.state.transaction(product="test") as session:
        for one in (held, rejected):
            context.state.registry_images.put(session, one)
