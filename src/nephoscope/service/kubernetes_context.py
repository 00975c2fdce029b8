"""Places in clusters where an image runs, in the form of sub-assessments.

Source: https://learn.microsoft.com/azure/defender-for-cloud/view-and-remediate-vulnerabilities-for-images
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.model.running_container import RunningContainer

#: Workloads that a finding names at most.
_MOST_WORKLOADS = 20


def build_kubernetes_contexts(
    cluster: str, containers: Iterable[RunningContainer]
) -> dict[str, dict[str, object]]:
    """Return, by the digests of images, what a sub-assessment of a cluster says of where they run: the cluster and its workloads."""
    by_image: dict[str, dict[tuple[str, str, str], list[str]]] = {}
    for one in containers:
        workloads = by_image.setdefault(one.image, {})
        workloads.setdefault((one.namespace, one.workload_kind, one.workload), []).append(one.container)
    return {image: _build_context(cluster, workloads) for image, workloads in by_image.items()}


def _build_context(cluster: str, workloads: dict[tuple[str, str, str], list[str]]) -> dict[str, object]:
    workload_rows = [
        {"namespace": namespace, "kind": kind, "name": name, "containers": [{"name": one} for one in dict.fromkeys(names)]}
        for (namespace, kind, name), names in list(workloads.items())[:_MOST_WORKLOADS]
    ]  # fmt: skip
    return {
        "clusterDetails": {"clusterResourceId": cluster},
        "kubernetesContext": {"workloads": workload_rows},
    }
