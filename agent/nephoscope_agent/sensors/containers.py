"""Containers: by the sockets of Docker and Podman, else by the folders in which containerd and Podman keep their state."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

from nephoscope_agent.inventory_sensor import InventorySensor
from nephoscope_agent.row import Row, SensorUnavailableError, Values

_SOCKETS = {"docker": "/run/docker.sock", "podman": "/run/podman/podman.sock"}
_CONTAINERD = "/run/containerd/io.containerd.runtime.v2.task"
_PODMAN = "/var/lib/containers/storage"
_SECONDS = 10.0
_LARGEST = 16 << 20


class ContainersSensor(InventorySensor):
    """Compares the containers of all runtimes that are installed."""

    name = "containers"
    interval = 20.0

    def read(self) -> dict[str, Values]:
        self.limits.clear()
        found: dict[str, Values] = {}
        present = False
        for runtime, path in _SOCKETS.items():
            if os.path.exists(path):
                present = True
                found.update({one["id"]: one for one in self._by_socket(runtime, path)})
        if os.path.isdir(_CONTAINERD):
            present = True
            found.update({one["id"]: one for one in self._list_containerd_tasks() if one["id"] not in found})
        if os.path.isdir(_PODMAN):
            present = True
            found.update({one["id"]: one for one in self._list_podman_containers() if one["id"] not in found})
        if not present:
            raise SensorUnavailableError("no runtime of containers is installed")
        return found

    def _by_socket(self, runtime: str, path: str) -> Iterator[Values]:
        try:
            several = ask_socket(path, "/containers/json?all=true")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.limits.append(f"{path} does not answer: {error}")
            return
        for one in several:
            name = (one.get("Names") or [""])[0].lstrip("/")
            state = "running" if one.get("State") == "running" else "stopped"
            yield _build_container(
                runtime, one["Id"], name, one.get("Image", ""), state, one.get("ImageID", "")
            )

    def _list_containerd_tasks(self) -> Iterator[Values]:
        """The tasks that run, of every namespace: their specification names the image where Kubernetes or nerdctl says it."""
        try:
            spaces = sorted(os.listdir(_CONTAINERD))
            tasks = [
                (space, name) for space in spaces for name in sorted(os.listdir(f"{_CONTAINERD}/{space}"))
            ]
        except OSError as error:
            self.limits.append(f"{_CONTAINERD}: {error.strerror}")
            return
        for space, name in tasks:
            try:
                with open(f"{_CONTAINERD}/{space}/{name}/config.json", encoding="utf-8") as file:
                    notes = json.load(file).get("annotations", {})
            except (OSError, ValueError):
                notes = {}
            image = notes.get("io.kubernetes.cri.image-name") or notes.get("nerdctl/image-ref", "")
            shown = notes.get("io.kubernetes.cri.container-name") or notes.get("nerdctl/name") or name
            yield _build_container(f"containerd/{space}", name, shown, image, "running", "")

    def _list_podman_containers(self) -> Iterator[Values]:
        for driver in ("overlay", "vfs"):
            try:
                with open(f"{_PODMAN}/{driver}-containers/containers.json", encoding="utf-8") as file:
                    several = json.load(file)
            except OSError:
                continue
            except ValueError as error:
                self.limits.append(f"{_PODMAN}/{driver}-containers: {error}")
                continue
            for one in several:
                details = json.loads(one.get("metadata") or "{}")
                state = (
                    "running"
                    if os.path.isdir(f"/run/containers/storage/{driver}-containers/{one['id']}/userdata")
                    else "stopped"
                )
                yield _build_container(
                    "podman",
                    one["id"],
                    (one.get("names") or [""])[0],
                    details.get("image-name", ""),
                    state,
                    one["image"],
                )

    def describe(self, values: Values) -> list[Row]:
        repository, _, tag = values["image"].rpartition(":")
        if "/" in tag or not repository:
            repository, tag = values["image"], ""
        return [
            Row(
                "ContainerInventory",
                {
                    "ContainerID": values["id"], "ContainerHostname": values["name"], "ContainerState": values["state"].capitalize(),
                    "Image": values["image"], "Repository": repository, "ImageTag": tag, "ImageID": values["image_id"],
                },
            )
        ]  # fmt: skip

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        gone = {**(before or {}), "state": "deleted"}
        return self.describe(after or gone)


def _build_container(runtime: str, id_: str, name: str, image: str, state: str, image_id: str) -> Values:
    return {"id": id_, "runtime": runtime, "name": name, "image": image, "state": state, "image_id": image_id}


class _LocalConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


def ask_socket(path: str, request: str) -> list[Any]:
    """Return the list that a runtime answers. Raises OSError, ValueError or HTTPException."""
    connection = _LocalConnection(path)
    try:
        connection.request("GET", request)
        answer = connection.getresponse()
        content = answer.read(_LARGEST)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        found = json.loads(content)
    finally:
        connection.close()
    if not isinstance(found, list):
        raise ValueError("not a list of containers")
    return found
