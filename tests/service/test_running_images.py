"""What runs where: by bodies of resources and by logs of clusters, followed to digests, and old after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.service.acting import SUBSCRIPTION
from tests.service.inventory_house import NOW, House, advisory, package

from nephoscope.analyze.scanner_findings import COVERAGE
from nephoscope.estate.container_images import list_images
from nephoscope.estate.estate import Estate
from nephoscope.estate.reported_pods import NOT_REPORTED, read_reported_pods
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.registries import add_registry
from nephoscope.service.running_images import record_registry_images, record_running_images
from nephoscope.service.vulnerability_facts import publish_findings
from nephoscope.state import State
from nephoscope.state.inventory.inventories import LISTING_HOLDS
from nephoscope.state.registries.registry_images import ImageStatus, RegistryImage
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

GROUP = f"{SUBSCRIPTION}/resourceGroups/Web/providers"
AKS = f"{GROUP}/Microsoft.ContainerService/managedClusters/aks"
ACR = f"{GROUP}/Microsoft.ContainerRegistry/registries/acr"
APP = f"{GROUP}/Microsoft.App/containerApps/shop"
JOB = f"{GROUP}/Microsoft.App/jobs/nightly"
ACI = f"{GROUP}/Microsoft.ContainerInstance/containerGroups/tools"
SITE = f"{GROUP}/Microsoft.Web/sites/web"
DIGESTS = [f"sha256:{number:064x}" for number in range(9)]


def of(id_: str, **properties: Any) -> dict[str, Any]:
    return {"id": id_, "properties": properties}


def template(*images: str) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": one} for one in images]}


def group(*images: str, **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "properties": {"image": one}} for one in images], **more}


BODIES: dict[str, tuple[list[dict[str, Any]], dict[str, set[str]]]] = {
    "a container app": ([of(APP, template=template("a.io/x:1", "a.io/y:2"))], {APP: {"a.io/x:1", "a.io/y:2"}}),
    "what begins an app": (
        [of(APP, template={**template("a.io/x:1"), "initContainers": [{"image": "a.io/init:1"}]})],
        {APP: {"a.io/x:1", "a.io/init:1"}},
    ),
    "an app that was stopped": ([of(APP, template=template("a.io/x:1"), runningStatus="Stopped")], {APP: set()}),
    "a job": ([of(JOB, template=template("a.io/x:1"))], {JOB: {"a.io/x:1"}}),
    "a container group": ([of(ACI, **group("nginx"))], {ACI: {"nginx"}}),
    "a container group that ended": (
        [of(ACI, **group("nginx", instanceView={"state": "Succeeded"}))], {ACI: set()},
    ),
    "a web app": ([of(SITE, siteConfig={"linuxFxVersion": "DOCKER|a.io/x:1"})], {SITE: {"a.io/x:1"}}),
    "a web app on Windows": ([of(SITE, siteConfig={"windowsFxVersion": "docker|a.io/x:1"})], {SITE: {"a.io/x:1"}}),
    "a web app of code": ([of(SITE, siteConfig={"linuxFxVersion": "PYTHON|3.12"})], {}),
    "a web app by its configuration": (
        [of(SITE), of(f"{SITE}/config/web", linuxFxVersion="DOCKER|a.io/x:1")], {SITE: {"a.io/x:1"}},
    ),
    "a web app with sidecars": (
        [of(SITE), of(f"{SITE}/sitecontainers/main", image="a.io/x:1"), of(f"{SITE}/sitecontainers/side", image="a.io/y:1")],
        {SITE: {"a.io/x:1", "a.io/y:1"}},
    ),
    "a body that is odd": ([of(APP, template={"containers": "none"}), of(ACI, containers=[None, {"properties": 1}])], {}),
}  # fmt: skip


def estate(*bodies: dict[str, Any], read_at: datetime | None = None) -> Estate:
    coverage = replace(Coverage.cover_everything(), read_at={"": read_at} if read_at else {})
    return Estate.of([Resource.of(one) for one in bodies], coverage)


@pytest.mark.parametrize("name", BODIES)
def test_the_images_of_a_body(name: str) -> None:
    bodies, wanted = BODIES[name]
    assert list_images(estate(*bodies)) == {id_.lower(): names for id_, names in wanted.items()}


class Clusters(House):
    """A house whose lake holds what Container Insights writes."""

    lake: Lake
    sequence = 0

    def write(self, table: str, *rows: dict[str, Any]) -> None:
        self.sequence += 1
        place = self.state.workspaces.get("default")
        told = [
            {"TimeGenerated": self.now - timedelta(minutes=5), "_SubscriptionId": SUBSCRIPTION[15:], **one}
            for one in rows
        ]
        table_of = to_arrow_rows(self.lake.tables[table], told, workspace=place, now=self.now).table
        self.lake.writer().append("default", {table: table_of}, producer="test", sequence=self.sequence)
        self.lake.flush()

    def runs(self, container: str, image: str = "", status: str = "running", **more: Any) -> None:
        """Let a container of the cluster run, of which another table tells the image."""
        self.write(
            "KubePodInventory",
            {"ContainerID": container, "ClusterId": AKS, "ContainerStatus": status, **more},
        )
        if image:
            self.holds(container, image)

    def holds(self, container: str, image: str, state: str = "Running", **more: Any) -> None:
        named = {
            "ContainerID": container,
            "ImageID": image,
            "ContainerState": state,
            "Repository": "a.io",
            "Image": "shop/web",
        }
        self.write("ContainerInventory", {**named, "ImageTag": "v1", **more})

    def note(self, *bodies: dict[str, Any]) -> int:
        return self.note_read(self.now, *bodies)

    def note_read(self, read_at: datetime | None, *bodies: dict[str, Any]) -> int:
        found = estate(*(bodies or (of(AKS),)), read_at=read_at)
        with open_frozen_logs(self.data, self.state, found, self.now) as logs:
            return record_running_images(self.context, found, logs)

    def listed(self, resource: str = AKS) -> set[str] | None:
        found = self.state.inventories.listing(resource.lower())
        return None if found is None else set(found.digests)

    def unhealthy(self) -> list[dict[str, Any]]:
        """What the published findings that are open tell in addition."""
        documents = (
            one["properties"] for facts in self.state.external_facts.all(None) for one in facts.documents
        )
        return [one["additionalData"] for one in documents if one["status"]["code"] == "Unhealthy"]

    def coverage(self) -> dict[str, Any]:
        """What the published findings of the cluster cover."""
        publish_findings(self.context)
        documents = (one for facts in self.state.external_facts.all(None) for one in facts.documents)
        (found,) = (
            one["properties"] for one in documents
            if one["properties"]["id"] == COVERAGE and AKS.lower() in one["id"].lower()
        )  # fmt: skip
        return dict(found)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Clusters]:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        state.workspaces.set("default", days=3650)
        found = Clusters(state, tmp_path)
        found.lake = lake
        yield found


def test_nothing_is_listed_where_no_log_came_in(house: Clusters) -> None:
    assert (house.note(), house.listed()) == (0, None)


def test_a_cluster_runs_what_its_logs_say(house: Clusters) -> None:
    house.runs("c1", f"a.io/shop/web@{DIGESTS[1]}")
    house.runs("c2", DIGESTS[2])
    house.runs("c3", DIGESTS[3], status="terminated")
    house.runs("c4")
    house.holds("c5", DIGESTS[5], _ResourceId=AKS.lower())
    house.holds("c6", DIGESTS[6], _ResourceId=f"{GROUP}/Microsoft.Compute/virtualMachines/vm".lower())
    assert house.note() == 1
    # of the fourth nobody says what it is
    assert house.listed() == {DIGESTS[1], DIGESTS[2], DIGESTS[5], "container c4"}
    # what is the same is not kept again, what is another is
    house.later(minutes=10)
    house.runs("c1", DIGESTS[1])
    assert house.note() == 0
    house.runs("c7", DIGESTS[7])
    assert house.note() == 1


def pod(name: str, *containers: tuple[str, str, str], phase: str = "Running", **more: Any) -> dict[str, Any]:
    """A pod of containers, each with the name of its image and its state ('' = no status at all)."""
    states = [
        {
            "name": f"c{number}",
            "image": image,
            "imageID": f"a.io/x@{digest}" if digest else "",
            "state": {state: {}},
        }
        for number, (image, digest, state) in enumerate(containers)
        if state
    ]
    spec = [{"name": f"c{number}", "image": image} for number, (image, _, _) in enumerate(containers)]
    owner = {"ownerReferences": [{"kind": "ReplicaSet", "name": "shop-1", "controller": True}]}
    properties = {
        "metadata": {"name": name, "namespace": "web", **owner},
        "spec": {"containers": spec},
        "status": {"phase": phase, "containerStatuses": states},
        **more,
    }
    return {"id": f"{AKS}/pods/{name}", "properties": properties}


RUNNING = (pod("one", ("a.io/x:1", DIGESTS[1], "running")), {DIGESTS[1]})
PODS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a digest": RUNNING,
    "no digest": (pod("one", ("a.io/x:1", "", "running")), {"a.io/x:1"}),
    "no status": (pod("one", ("a.io/x:1", "", "")), {"a.io/x:1"}),
    "one of two runs": (
        pod("one", ("a.io/x:1", DIGESTS[1], "running"), ("a.io/y:1", DIGESTS[2], "terminated")), {DIGESTS[1]},
    ),
    "ended": (pod("one", ("a.io/x:1", DIGESTS[1], "running"), phase="Succeeded"), set()),
    "waits": (pod("one", ("a.io/x:1", DIGESTS[1], "waiting")), set()),
    "not placed yet": (pod("one", ("a.io/x:1", "", ""), phase="Pending"), set()),
    "a preparation that runs": (
        pod(
            "one", spec={"initContainers": [{"name": "i", "image": "a.io/i:1"}]},
            status={"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
        ),
        {"a.io/i:1"},
    ),
    "a preparation without a state": (pod("one", spec={"initContainers": [{"name": "i", "image": "a.io/i:1"}]}), set()),
    "a container without an image": (
        pod("one", spec={"containers": [{"name": "c"}]}, status={}), {"an image that the container c does not name"},
    ),
    "an odd body": ({"id": f"{AKS}/pods/one", "properties": {"spec": [], "status": "?"}}, set()),
}  # fmt: skip
POD_TYPE = "microsoft.containerservice/managedclusters/pods"


def reported(*pods: dict[str, Any], whole: bool = True) -> Estate:
    """An estate of a cluster with pods that were reported a minute ago."""
    claims = {AKS.lower(): frozenset([POD_TYPE])} if whole else {}
    times = {AKS.lower(): {POD_TYPE: NOW - timedelta(minutes=1)}} if whole else {}
    coverage = Coverage(claims, declared=True, claimed_at=times)
    return Estate.of([Resource.of(one) for one in (of(AKS), *pods)], coverage)


@pytest.mark.parametrize("name", PODS)
def test_the_images_of_a_pod(name: str) -> None:
    body, wanted = PODS[name]
    found = read_reported_pods(reported(body))[AKS.lower()]
    assert {one.image for one in found.containers} == wanted
    assert found.read_at == NOW - timedelta(minutes=1)


def test_a_part_of_the_pods_is_not_all_and_none_is_none() -> None:
    found = read_reported_pods(reported(RUNNING[0], whole=False))
    assert {one.image for one in found[AKS.lower()].containers} == {DIGESTS[1], NOT_REPORTED}
    assert read_reported_pods(reported(whole=False)) == {}
    assert read_reported_pods(reported())[AKS.lower()].containers == frozenset()
    # a snapshot of Azure that is the whole world has no pods, which says nothing of them
    assert read_reported_pods(estate(of(AKS))) == {}


@pytest.mark.full
def test_findings_of_a_cluster_say_which_workloads_run_them(house: Clusters) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.image(package("lamp", "1.0"), digest=DIGESTS[1])
    assert (
        record_running_images(
            house.context, reported(RUNNING[0], pod("two", ("", DIGESTS[1], "running"))), None
        )
        == 1
    )
    publish_findings(house.context)
    (data,) = house.unhealthy()
    assert data["clusterDetails"] == {"clusterResourceId": AKS.lower()}
    told = {"namespace": "web", "kind": "ReplicaSet", "name": "shop-1", "containers": [{"name": "c0"}]}
    assert data["kubernetesContext"] == {"workloads": [told]}
    # logs that are newer than the report hold, with what they call its workloads
    house.later(minutes=10)
    house.runs(
        "c1",
        DIGESTS[1],
        Namespace="jobs",
        ControllerKind="Job",
        ControllerName="nightly",
        ContainerName="uid/main",
    )
    with open_frozen_logs(house.data, house.state, reported(RUNNING[0]), house.now) as logs:
        assert record_running_images(house.context, reported(RUNNING[0]), logs) == 1
    publish_findings(house.context)
    (data,) = house.unhealthy()
    told = {"namespace": "jobs", "kind": "Job", "name": "nightly", "containers": [{"name": "main"}]}
    assert data["kubernetesContext"] == {"workloads": [told]}
    # and logs hold over a report of a part, whenever that was made
    house.later(minutes=10)
    house.runs("c2", DIGESTS[2])
    part = reported(RUNNING[0], whole=False)
    with open_frozen_logs(house.data, house.state, part, house.now) as logs:
        record_running_images(house.context, part, logs)
    assert house.listed() == {DIGESTS[1], DIGESTS[2]}


def test_a_cluster_of_another_estate_is_left_alone(house: Clusters) -> None:
    house.runs("c1", DIGESTS[1], ClusterId=f"{AKS}2")
    assert (house.note(), house.listed(f"{AKS}2")) == (0, None)


def test_a_running_image_turns_its_cluster(house: Clusters) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.image(package("lamp", "1.0"), digest=DIGESTS[1])
    house.image(package("lamp", "2.0"), digest=DIGESTS[2])
    house.runs("c2", DIGESTS[2])
    house.note()
    good = house.coverage()
    assert (good["status"]["code"], good["additionalData"]["images"]) == ("Healthy", 1)
    # the list of what runs is good for two days, however long the advisories are
    assert (
        good["additionalData"]["assessedUntil"]
        == f"{NOW - timedelta(minutes=5) + LISTING_HOLDS:%Y-%m-%dT%H:%M:%SZ}"
    )
    house.later(minutes=10)
    house.runs("c1", DIGESTS[1])
    house.note()
    house.coverage()
    found = [one for facts in house.state.external_facts.all(None) for one in facts.documents]
    assert [
        one["properties"]["displayName"]
        for one in found
        if one["properties"]["status"]["code"] == "Unhealthy"
    ] == ["CVE-2031-1"]
    house.later(minutes=10)
    house.runs("c3", DIGESTS[3])
    house.note()
    assert "1 of its 3 images were not scanned" in house.coverage()["status"]["description"]


def test_a_reading_of_unknown_age_lists_nothing_and_lets_a_dated_one_grow_old(house: Clusters) -> None:
    app = of(APP, template=template("a.io/x:1"))
    assert house.note_read(None, app) == 0
    assert house.listed(APP) is None
    assert house.note_read(house.now - timedelta(days=1), app) == 1
    listing = house.state.inventories.listing(APP.lower())
    assert listing is not None
    assert house.note_read(None, of(APP, template=template("a.io/y:1"))) == 0
    assert house.state.inventories.listing(APP.lower()) == listing


@pytest.mark.full
def test_a_tag_leads_to_what_is_kept_and_an_index_to_its_machines(house: Clusters) -> None:
    house.image(package("lamp", "2.0"), digest=DIGESTS[1])
    assert (
        house.note(of(APP, template=template("acr.azurecr.io/shop/web:v1", "acr.azurecr.io/shop/web:v2")))
        == 1
    )
    assert house.listed(APP) == {DIGESTS[1], "acr.azurecr.io/shop/web:v2"}
    index = RegistryImage(
        "r", "shop/web", DIGESTS[8], NOW, NOW, manifests=(DIGESTS[1], DIGESTS[2], DIGESTS[8])
    )
    for machines, wanted in (
        (["linux/amd64"], {DIGESTS[1]}),
        (["linux/amd64", "linux/arm64"], {DIGESTS[1], DIGESTS[8]}),
    ):
        with house.state.transaction() as session:
            told = RegistryImage(
                **{one: getattr(index, one) for one in index.__slots__} | {"summary": {"platforms": machines}}
            )
            house.state.registry_images.put(session, told)
        house.later(minutes=1)
        house.note(of(APP, template=template(f"acr.azurecr.io/shop/web@{DIGESTS[8]}")))
        assert house.listed(APP) == wanted
    house.later(minutes=1)
    house.note(of(APP, template=template("acr.azurecr.io/shop/web:v1"), runningStatus="Stopped"))
    assert house.listed(APP) == set()


@pytest.mark.parametrize(
    ("repositories", "id_", "wanted"),
    [(["*"], ACR, {DIGESTS[1], DIGESTS[2]}), (["shop/*"], ACR, None), (["*"], "", None)],
)
def test_a_registry_that_is_watched_whole_is_listed(
    house: Clusters, repositories: list[str], id_: str, wanted: set[str] | None
) -> None:
    mapping = {"quarantine": "quarantine/*", "approved": "approved/*"}
    told = {"repositories": repositories, "resourceId": id_, "quarantine": [mapping]}
    add_registry(house.context, "r", "acr.azurecr.io", read_settings(told))
    images = [
        RegistryImage("r", "approved/web", DIGESTS[1], NOW, NOW, status=ImageStatus.PASSED),
        RegistryImage("r", "approved/new", DIGESTS[2], NOW, NOW),
        RegistryImage("r", "approved/gone", DIGESTS[3], NOW, NOW, status=ImageStatus.GONE),
        RegistryImage("r", "quarantine/bad", DIGESTS[4], NOW, NOW, status=ImageStatus.REJECTED),
    ]
    with house.state.transaction() as session:
        for one in images:
            house.state.registry_images.put(session, one)
    watched = house.state.watched_registries.get("r")
    assert record_registry_images(house.context, watched) is (wanted is not None)
    assert house.listed(ACR) == wanted
    assert not record_registry_images(house.context, watched)
