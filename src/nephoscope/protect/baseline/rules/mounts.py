"""Rules for the options that file systems are mounted with."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule, Check
from nephoscope.protect.baseline.mechanisms.mounts import (
    assess_mount_options,
    assess_network_mounts,
    assess_removable_media,
)
from nephoscope.protect.baseline.mechanisms.services import assess_disabled_services
from nephoscope_policy.model.state import Severity

MEDIUM, LOW = Severity.MEDIUM, Severity.LOW


def _build_mount_point_rule(
    id_: str, name: str, point: str, option: str, severity: Severity, cis: str
) -> BaselineRule:
    check = partial(assess_mount_options, point=f"/{point}", options=frozenset({option}))
    return _build_row(
        id_, name, f"/{point} should be mounted with {option}", f"/{point}", option, severity, cis, check
    )


def _build_row(
    id_: str, name: str, title: str, what: str, option: str, severity: Severity, cis: str, check: Check
) -> BaselineRule:
    fix = f"Add {option} to the options of {what} in /etc/fstab (or in its mount unit) and mount it again."
    return BaselineRule(id=id_, name=name, title=title, fix=fix, severity=severity, cis=cis, check=check)


def _build_removable_media_rule(id_: str, name: str, option: str, cis: str) -> BaselineRule:
    check = partial(assess_removable_media, options=frozenset({option}))
    return _build_row(
        id_,
        name,
        f"Removable media should be mounted with {option}",
        "removable media",
        option,
        LOW,
        cis,
        check,
    )


RULES = (
    _build_mount_point_rule(
        "a87f15ed-1115-a22d-6f43-17db97c91111",
        "EnsureNodevOptionOnHomePartition",
        "home",
        "nodev",
        LOW,
        "1.1.14",
    ),
    _build_mount_point_rule(
        "a87f15ed-1115-a22d-6f43-17db97c91161",
        "EnsureNodevOptionOnTmpPartition",
        "tmp",
        "nodev",
        LOW,
        "1.1.3",
    ),
    _build_mount_point_rule(
        "a87f15ed-1115-a22d-6f43-17db97c91181",
        "EnsureNodevOptionOnVarTmpPartition",
        "var/tmp",
        "nodev",
        LOW,
        "1.1.8",
    ),
    _build_mount_point_rule(
        "a87f15ed-1115-a22d-6f43-17db97c91191",
        "EnsureNosuidOptionOnTmpPartition",
        "tmp",
        "nosuid",
        MEDIUM,
        "1.1.4",
    ),
    _build_mount_point_rule(
        "a87f15ed-1115-a22d-6f43-17db97c91171",
        "EnsureNosuidOptionOnVarTmpPartition",
        "var/tmp",
        "nosuid",
        MEDIUM,
        "1.1.9",
    ),
    _build_mount_point_rule(
        "b97f15dd-8185-a12d-6f43-17db97c98477",
        "EnsureNoexecOptionOnVarTmpPartition",
        "var/tmp",
        "noexec",
        MEDIUM,
        "1.1.10",
    ),
    _build_mount_point_rule(
        "11e6dc3b-0659-3dc8-7d12-8eb0bb6c0890",
        "EnsureNoexecOptionOnDevShmPartition",
        "dev/shm",
        "noexec",
        MEDIUM,
        "1.1.17",
    ),
    _build_removable_media_rule(
        "5c7537f2-b90b-44a4-89c9-4fca5fd79ef7",
        "EnsureNodevOptionEnabledForAllRemovableMedia",
        "nodev",
        "1.1.18",
    ),
    _build_removable_media_rule(
        "7976cc38-fddb-4913-9295-4fcac2e641c3",
        "EnsureNoexecOptionEnabledForAllRemovableMedia",
        "noexec",
        "1.1.20",
    ),
    _build_removable_media_rule(
        "cdc390c9-fb4a-47f6-90a7-4e1bd6d0e9e6",
        "EnsureNosuidOptionEnabledForAllRemovableMedia",
        "nosuid",
        "1.1.19",
    ),
    _build_row(
        "7ca24433-3c08-4ff5-9fe2-d8e1830c5829",
        "EnsureNoexecNosuidOptionsEnabledForAllNfsMounts",
        "NFS file systems should be mounted with noexec and nosuid",
        "NFS file systems",
        "noexec,nosuid",
        MEDIUM,
        "",
        partial(assess_network_mounts, options=frozenset({"noexec", "nosuid"})),
    ),
    BaselineRule(
        id="8cffbbca-3e5b-9af9-65fe-ff7b6316565d",
        name="EnsureAutomountingDisabled",
        cis="1.1.22",
        severity=LOW,
        title="Automounting should be off",
        fix="systemctl disable --now autofs",
        check=partial(assess_disabled_services, units=("autofs.service",)),
    ),
)
