"""Kubernetes manifests and rendered charts: documents of YAML or JSON, lists of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode, parse_yaml

TITLE = "Kubernetes manifest"
PRECEDENCE = 40
_NAME = re.compile(r"\.(?:ya?ml|json)$", re.IGNORECASE)
_API = re.compile(r"^[ \t]*(?:-[ \t]*)?[\"']?apiVersion[\"']?\s*:", re.MULTILINE)
_KIND = re.compile(r"^[ \t]*(?:-[ \t]*)?[\"']?kind[\"']?\s*:\s*[\"']?[A-Z]", re.MULTILINE)
_ONE_LINE = re.compile(r"^\s*\{.*\"(?:apiVersion|kind)\"\s*:.*\"(?:apiVersion|kind)\"\s*:", re.DOTALL)
_JSON_VERSION = re.compile(r'"apiVersion"\s*:\s*"(?:[a-z0-9.-]+/)?v\d')
_ACTION = re.compile(r"\{\{-?\s")
#: Where the pod stands in objects that make pods.
_POD_PATHS = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"),
        ("spec", "template"),
    ),
}
_MAX_LISTS = 20
_NOT_RENDERED = "the chart is not rendered: judge what `helm template` writes"


class KubernetesObject(msgspec.Struct):
    """An object: its kind, name and namespace ('' where it has none), and the pod that it is or makes (with metadata and spec)."""

    node: YamlNode
    kind: str
    api_version: str
    name: str
    namespace: str
    pod: YamlNode | None

    @property
    def subject(self) -> str:
        """Kind and name for a person."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class KubernetesManifest(msgspec.Struct):
    """The objects of a file, those of lists too."""

    source: SourceText
    objects: list[KubernetesObject] = msgspec.field(default_factory=list)


def recognizes(name: str, head: str) -> bool:
    """Claim YAML and JSON files with an API version and a kind; in JSON a resource of Azure has both, with a date as the version."""
    if not _NAME.search(name) or not ((_API.search(head) and _KIND.search(head)) or _ONE_LINE.match(head)):
        return False
    return not name.lower().endswith(".json") or _JSON_VERSION.search(head) is not None


def read(source: SourceText) -> KubernetesManifest:
    """Parse the objects; raises UnreadableFileError, for a chart that is not rendered too."""
    try:
        documents = parse_yaml(source)
    except UnreadableFileError as error:
        if _ACTION.search(source.text):
            raise UnreadableFileError(_NOT_RENDERED, error.line, error.column) from error
        raise
    action = next((found for node in documents if (found := _find_action(node, 0)) is not None), None)
    if action is not None:
        raise UnreadableFileError(_NOT_RENDERED, *source.find_position(action.span.start))
    return KubernetesManifest(source, [one for node in documents for one in _list_objects(node, 0)])


def _find_action(node: YamlNode, depth: int) -> YamlNode | None:
    """The first `{{ ... }}` of a chart that stands as a value: YAML reads it as a map whose key is a map."""
    if depth > _MAX_LISTS:
        return None
    if any(key.kind != "scalar" for key, _ in node.pairs):
        return node
    below = [*(value for _, value in node.pairs), *node.items]
    return next((found for one in below if (found := _find_action(one, depth + 1)) is not None), None)


def _list_objects(
    node: YamlNode, depth: int, kind_of_list: str = "", version_of_list: str = ""
) -> Iterator[KubernetesObject]:
    """The objects of a node; those of a list of one kind (`PodList`) are of it where they do not say theirs."""
    named, versioned, items = node.get("kind"), node.get("apiVersion"), node.get("items")
    kind = named.text if named is not None else kind_of_list
    version = versioned.text if versioned is not None else version_of_list
    if not kind or not version or depth > _MAX_LISTS:
        return
    if kind.endswith("List") and items is not None and items.kind == "list":
        for item in items.items:
            yield from _list_objects(item, depth + 1, kind.removesuffix("List"), version)
        return
    name = node.get("metadata", "name") or node.get("metadata", "generateName")
    namespace = node.get("metadata", "namespace")
    path = _POD_PATHS.get(kind)
    pod = None if path is None else node.get(*path) if path else node
    yield KubernetesObject(
        node, kind, version, name.text if name else "", namespace.text if namespace else "", pod
    )
