"""The containers that clusters run, by the pods that somebody reported of them as external facts.

A report holds pods as Kubernetes has them. A cluster of which not all pods were read has a container more that nobody knows, so that
nothing is clean by a part.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.model.running_container import RunningContainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nephoscope.estate.estate import Estate
    from nephoscope_policy.model.resource import Resource

#: Clusters -> what pods that were reported of them are called.
POD_TYPES = {
    "microsoft.containerservice/managedclusters": "microsoft.containerservice/managedclusters/pods",
    "microsoft.kubernetes/connectedclusters": "microsoft.kubernetes/connectedclusters/pods",
}
NOT_REPORTED = "pods that nobody reported"
_ENDED = frozenset(("succeeded", "failed"))
_KINDS = ("containers", "initContainers", "ephemeralContainers")
_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class ReportedPods:
    """The containers of a cluster; `read_at` is None where the report does not say when it was made."""

    containers: frozenset[RunningContainer]
    read_at: datetime | None


def read_reported_pods(estate: Estate) -> dict[str, ReportedPods]:
    """Return the running containers of each cluster whose pods were reported, by its lower-cased id."""
    found: dict[str, ReportedPods] = {}
    for cluster_type, pod_type in POD_TYPES.items():
        by_cluster: dict[str, set[RunningContainer]] = {}
        for pod in estate.list_of_type(pod_type):
            by_cluster.setdefault(pod.id.parent, set()).update(_list_containers(pod))
        for cluster in estate.list_of_type(cluster_type):
            is_whole = _are_pods_claimed(estate, cluster.key, pod_type)
            containers = by_cluster.get(cluster.key)
            if containers is None and not is_whole:
                continue
            partial = () if is_whole else (RunningContainer(NOT_REPORTED),)
            time = estate.coverage.find_claim_time(cluster.key, pod_type)
            found[cluster.key] = ReportedPods(frozenset((*(containers or ()), *partial)), time)
    return found


def _are_pods_claimed(estate: Estate, cluster: str, pod_type: str) -> bool:
    """Return whether a report says that it has all pods of a cluster: a snapshot of Azure never has one."""
    coverage = estate.coverage
    return coverage.find_claim_time(cluster, pod_type) is not None and coverage.covers(pod_type, cluster)


def _list_containers(pod: Resource) -> Iterator[RunningContainer]:
    properties = _read_object(pod.body.get("properties"))
    status, spec = _read_object(properties.get("status")), _read_object(properties.get("spec"))
    if str(status.get("phase", "")).lower() in _ENDED:
        return
    owner = _read_owner(_read_object(properties.get("metadata")), pod.name)
    for kind in _KINDS:
        states = {str(one.get("name")): one for one in _read_objects(status.get(f"{kind[:-1]}Statuses"))}
        for one in _read_objects(spec.get(kind)):
            name = str(one.get("name") or "")
            state = states.get(name)
            if _is_container_running(status, state, is_main=kind == "containers"):
                yield RunningContainer(_read_image_digest(one, state), name, *owner)


def _is_container_running(
    status: dict[str, object], state: dict[str, object] | None, *, is_main: bool
) -> bool:
    """Return whether a container runs: by its state, else, of one that is no preparation, by the phase of its pod."""
    if state is not None and "state" in state:
        return "running" in _read_object(state.get("state"))
    return is_main and str(status.get("phase", "Running")).lower() != "pending"


def _read_image_digest(container: dict[str, object], state: dict[str, object] | None) -> str:
    """Return the digest of a container's image, else its name, else words that no image is called by."""
    status = state or {}
    digest = _DIGEST.search(str(status.get("imageID") or ""))
    if digest:
        return digest[1]
    name = str(status.get("image") or container.get("image") or "").strip()
    return name or f"an image that the container {container.get('name')} does not name"


def _read_owner(metadata: dict[str, object], name: str) -> tuple[str, str, str]:
    """Return the namespace, kind and name of what made a pod: itself where nothing did."""
    namespace = str(metadata.get("namespace") or "")
    owners = _read_objects(metadata.get("ownerReferences"))
    if not owners:
        return namespace, "Pod", str(metadata.get("name") or name)
    owner = next((one for one in owners if one.get("controller")), owners[0])
    return namespace, str(owner.get("kind") or ""), str(owner.get("name") or "")


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_objects(value: Any) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
