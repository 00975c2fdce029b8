"""Live facts of a running host that no file of its disk tells, as its agent reports them."""

from __future__ import annotations

from typing import Literal

import msgspec


class LiveMount(msgspec.Struct, frozen=True):
    """A mounted file system, as a line of /proc/self/mounts tells it."""

    source: str
    target: str
    type: str
    options: tuple[str, ...] = ()


class LiveInterface(msgspec.Struct, frozen=True, rename="camel"):
    """A network interface: whether it receives foreign frames, whether it is wireless, and whether it is up."""

    name: str
    is_promiscuous: bool = False
    is_wireless: bool = False
    is_up: bool = True


class LiveVolume(msgspec.Struct, frozen=True, rename="camel"):
    """A mounted file system of a disk, and whether its disk is encrypted by the host (LUKS or another cipher)."""

    mount_point: str
    is_encrypted: bool


class PendingUpdate(msgspec.Struct, frozen=True):
    """A package of which a newer version is out; `classification` is `Critical`, `Security` or `Other`."""

    name: str
    version: str = ""
    classification: Literal["Critical", "Security", "Other"] = "Other"


class AntimalwareState(msgspec.Struct, frozen=True, rename="camel"):
    """An antimalware product: whether it protects in real time, and the age of its signatures in days, None where it does not say."""

    product: str
    is_protecting: bool
    signature_age_days: int | None = None


class HostFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Live state of a host; None is what was not reported, which rules that need it answer with Unknown.

    `kernel_parameters` are sysctl keys with dots and their values, `kernel_modules` the loaded modules, `running_services` the
    active systemd units with their suffix, `processor_flags` the flags of /proc/cpuinfo, `kernel_version` the text of
    /proc/version, `firewall_input_policies` the policy of each base chain of the input hook (`accept` or `drop`). `antimalware` is
    empty where no product is installed, `pending_updates` where nothing waits; `is_encrypted_at_host` is what Azure's instance
    metadata says of the virtual machine.
    """

    kernel_parameters: dict[str, str] | None = None
    kernel_modules: tuple[str, ...] | None = None
    mounts: tuple[LiveMount, ...] | None = None
    running_services: tuple[str, ...] | None = None
    interfaces: tuple[LiveInterface, ...] | None = None
    architecture: str = ""
    processor_flags: tuple[str, ...] | None = None
    kernel_version: str | None = None
    kernel_command_line: str | None = None
    firewall_input_policies: tuple[str, ...] | None = None
    volumes: tuple[LiveVolume, ...] | None = None
    is_encrypted_at_host: bool | None = None
    pending_updates: tuple[PendingUpdate, ...] | None = None
    is_reboot_pending: bool = False
    antimalware: tuple[AntimalwareState, ...] | None = None
