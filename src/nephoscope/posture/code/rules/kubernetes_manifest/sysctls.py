"""Pods should set no unsafe kernel parameters."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-sysctls",
    title="Pods should set no unsafe kernel parameters",
    severity=Severity.HIGH,
    description="Parameters that are not kept apart change the node for all pods.",
    steps=("Remove the parameter.",),
    equivalents=("pod-security:baseline",),
)

_SAFE = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
})  # fmt: skip


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each unsafe parameter."""
    for pod in list_pods(manifest):
        listed = pod.spec.get("securityContext", "sysctls")
        for item in listed.items if listed is not None else []:
            name = item.get("name")
            if name is not None and name.text not in _SAFE:
                yield CodeMatch(
                    name.span, f"the kernel parameter {name.text} is set", subject=pod.owner.subject
                )
