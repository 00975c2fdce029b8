"""The images that clusters run, by what Container Insights writes of pods and containers.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/kubepodinventory and .../containerinventory
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import DeclaredReads
from nephoscope.model.running_container import RunningContainer

if TYPE_CHECKING:
    from nephoscope.estate.log_queries import Logs

PODS, CONTAINERS = "KubePodInventory", "ContainerInventory"
#: Containers of all clusters that are read, at most: more end as a name that nobody knows, so that no cluster is clean by a part.
MOST = 100_000
_CLUSTERS = ("/microsoft.containerservice/managedclusters/", "/microsoft.kubernetes/connectedclusters/")
_PODS = f"""{PODS}
| where TimeGenerated > ago(6h) and isnotempty(ContainerID)
| summarize arg_max(TimeGenerated, ContainerStatus, ClusterId, _ResourceId, Namespace, ControllerKind, ControllerName, ContainerName)
    by ContainerID
| where ContainerStatus =~ 'running'
| project Time = TimeGenerated, Container = ContainerID, Cluster = tolower(iff(isempty(ClusterId), _ResourceId, ClusterId)),
    Namespace, ControllerKind, ControllerName, ContainerName
| take {MOST + 1}"""
_CONTAINERS = f"""{CONTAINERS}
| where TimeGenerated > ago(6h) and isnotempty(ContainerID)
| summarize arg_max(TimeGenerated, ContainerState, Repository, Image, ImageTag, ImageID, _ResourceId) by ContainerID
| where ContainerState =~ 'Running'
| project Time = TimeGenerated, Container = ContainerID, Cluster = tolower(_ResourceId), Repository, Image, ImageTag, ImageID
| take {MOST + 1}"""
_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")


@dataclass(slots=True)
class LoggedImages:
    """Containers of a cluster as its newest logs report them, their images by digest where the logs tell it."""

    heard_at: datetime
    containers: set[RunningContainer] = field(default_factory=set)

    def add(self, time: datetime, container: RunningContainer) -> None:
        """Note a container at a time."""
        self.containers.add(container)
        self.heard_at = max(self.heard_at, time)


def collect_logged_images(logs: Logs) -> dict[str, LoggedImages]:
    """Return what each cluster runs, by its lower-cased id. A container of which no row tells the image is a name of its own."""
    found: dict[str, LoggedImages] = {}
    containers = {str(one["Container"]): one for one in _list_rows(logs, _CONTAINERS, CONTAINERS)}
    pods = _list_rows(logs, _PODS, PODS)
    known = {str(one["Container"]) for one in pods}
    for row in (*pods, *(one for id_, one in containers.items() if id_ not in known)):
        cluster = str(row["Cluster"] or "")
        if any(part in cluster for part in _CLUSTERS):
            name = _get_container_digest(containers.get(str(row["Container"])), str(row["Container"]))
            found.setdefault(cluster, LoggedImages(row["Time"])).add(row["Time"], _read_container(row, name))
    if max(len(pods), len(containers)) > MOST:
        for one in found.values():
            one.containers.add(RunningContainer(f"more than {MOST:,} containers"))
    return found


def _list_rows(logs: Logs, text: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of a query, none where its table is empty or cannot be read: then nothing is heard, and listings grow old."""
    try:
        return list(logs.query(text, DeclaredReads((table,))))
    except DataNotCollectedError:
        return []


def _read_container(row: dict[str, object], image: str) -> RunningContainer:
    """Return a container of an image; the logs call it by its pod and its name, and tell its workload where they tell of pods."""
    names = (str(row.get(one) or "") for one in ("Namespace", "ControllerKind", "ControllerName"))
    return RunningContainer(image, str(row.get("ContainerName") or "").rpartition("/")[2], *names)


def _get_container_digest(row: dict[str, object] | None, container: str) -> str:
    """Return the digest of a container's image, else its name, else that of the container."""
    if row is None:
        return f"container {container}"
    digest = _DIGEST.search(str(row["ImageID"] or ""))
    if digest:
        return digest[1]
    parts = [str(row[one] or "").strip("/") for one in ("Repository", "Image")]
    name = "/".join(one for one in parts if one)
    return f"{name}:{row['ImageTag']}" if name and row["ImageTag"] else name or f"container {container}"
