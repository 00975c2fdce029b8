"""SELinux should confine containers."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import match_security_contexts
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-selinux",
    title="SELinux should confine containers",
    severity=Severity.MEDIUM,
    description="A type, user or role of your own may be one that is not confined.",
    steps=("Remove seLinuxOptions, or use the type container_t.",),
    equivalents=("pod-security:baseline",),
)

_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each SELinux type, user and role that is not allowed."""
    yield from match_security_contexts(
        manifest, ("seLinuxOptions", "type"), lambda node: node.text not in _TYPES, "the SELinux type is {}"
    )
    for name in ("user", "role"):
        yield from match_security_contexts(
            manifest,
            ("seLinuxOptions", name),
            lambda node: node.text != "",
            f"the SELinux {name} is set to {{}}",
        )
