"""Pods and containers of manifests with their security contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest, KubernetesObject
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.rule_match import CodeMatch

_LISTS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod: the object that it is of, and its spec."""

    owner: KubernetesObject
    node: YamlNode
    spec: YamlNode

    @property
    def is_windows(self) -> bool:
        """Tell whether the pod says that it runs on Windows."""
        system = self.spec.get("os", "name")
        return system is not None and system.text == "windows"

    def containers(self, *, ephemeral: bool = True) -> Iterator[PodContainer]:
        """Give the containers, the ones of the start first."""
        for name in _LISTS if ephemeral else _LISTS[:2]:
            listed = self.spec.get(name)
            for node in listed.items if listed is not None else []:
                if node.kind == "map":
                    yield PodContainer(self, node)


@dataclass(frozen=True, slots=True)
class PodContainer:
    """A container of a pod."""

    pod: Pod
    node: YamlNode

    @property
    def name(self) -> str:
        """Its name in the pod."""
        node = self.node.get("name")
        return node.text if node is not None else ""

    @property
    def subject(self) -> str:
        """The object and the container for a person."""
        return f"{self.pod.owner.subject}, container {self.name}"

    @property
    def place(self) -> TextSpan:
        """Its name, where something is missing."""
        node = self.node.get("name") or (self.node.pairs[0][0] if self.node.pairs else self.node)
        return node.span

    def context(self, *path: str) -> YamlNode | None:
        """Return a value of its security context, else the pod's."""
        own = self.node.get("securityContext", *path)
        return own if own is not None and not own.is_null else self.pod.spec.get("securityContext", *path)


def list_pods(manifest: KubernetesManifest) -> Iterator[Pod]:
    """Give the pods that the objects of a manifest are or make."""
    for owner in manifest.objects:
        spec = owner.pod.get("spec") if owner.pod is not None else None
        if owner.pod is not None and spec is not None and spec.kind == "map":
            yield Pod(owner, owner.pod, spec)


def containers(manifest: KubernetesManifest) -> Iterator[PodContainer]:
    """Give every container."""
    for pod in list_pods(manifest):
        yield from pod.containers()


def match_pods_with_flag(manifest: KubernetesManifest, name: str, message: str) -> Iterator[CodeMatch]:
    """Give a match for each pod whose spec sets a flag."""
    for pod in list_pods(manifest):
        node = pod.spec.get(name)
        if node is not None and node.is_true:
            yield CodeMatch(node.span, message, ((node.span, "false"),), pod.owner.subject)


def list_security_contexts(pod: Pod) -> Iterator[tuple[YamlNode, str]]:
    """Give the security contexts of a pod and its containers, each with its subject."""
    node = pod.spec.get("securityContext")
    if node is not None:
        yield node, pod.owner.subject
    for container in pod.containers():
        node = container.node.get("securityContext")
        if node is not None:
            yield node, container.subject


def match_security_contexts(
    manifest: KubernetesManifest, path: tuple[str, ...], is_bad: Callable[[YamlNode], bool], message: str
) -> Iterator[CodeMatch]:
    """Give a match for each value of a security context that is bad; `{}` in the message is the value."""
    for pod in list_pods(manifest):
        for context, subject in list_security_contexts(pod):
            node = context.get(*path)
            if node is not None and not node.is_null and is_bad(node):
                yield CodeMatch(node.span, message.format(node.text), subject=subject)
