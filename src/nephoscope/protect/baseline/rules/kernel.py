"""Rules for the kernel: parameters, modules and what protects its memory."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineVerdict, report_failure
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.bootloader import find_argument
from nephoscope.protect.baseline.mechanisms.kernel_modules import assess_module
from nephoscope.protect.baseline.mechanisms.kernel_parameters import KernelParameter, assess_parameters
from nephoscope.protect.baseline.mechanisms.live_facts import assess_kernel_source, assess_no_execute
from nephoscope.protect.baseline.mechanisms.shell_environment import assess_core_dumps
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _build_module(id_: str, name: str, module: str, severity: Severity = LOW, cis: str = "") -> BaselineRule:
    return BaselineRule(
        id=id_,
        name=name,
        title=f"The kernel module {module} should not be loadable",
        cis=cis,
        severity=severity,
        fix=f"Write 'install {module} /bin/false' and 'blacklist {module}' to /etc/modprobe.d/{module}.conf and unload it.",
        check=partial(assess_module, module=module),
    )


def _build_parameters(
    id_: str, name: str, title: str, severity: Severity, cis: str, *parameters: KernelParameter
) -> BaselineRule:
    settings_text = ", ".join(f"{one.key} = {one.right[0]}" for one in parameters)
    return BaselineRule(
        id=id_,
        name=name,
        title=title,
        cis=cis,
        severity=severity,
        check=partial(assess_parameters, parameters=parameters),
        fix=f"Set {settings_text} in /etc/sysctl.d/60-baseline.conf and run sysctl --system.",
    )


def _build_ipv4_parameters(
    setting: str, right: str, default: str, *scopes: str
) -> tuple[KernelParameter, ...]:
    return tuple(
        KernelParameter(f"net.ipv4.conf.{scope}.{setting}", (right,), default)
        for scope in scopes or ("all", "default")
    )


def _build_ipv6_parameters(
    setting: str, right: str, default: str, *scopes: str
) -> tuple[KernelParameter, ...]:
    return tuple(
        KernelParameter(f"net.ipv6.conf.{scope}.{setting}", (right,), default)
        for scope in scopes or ("all", "default")
    )


def assess_ipv6(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that IPv6 is switched off neither by a parameter nor on the kernel's command line."""
    off = find_argument(system, "ipv6.disable=1", "ipv6.disable_ipv6=1")
    return (
        report_failure("the kernel is started without IPv6", off)
        if off
        else assess_parameters(system, _build_ipv6_parameters("disable_ipv6", "0", "0"))
    )


RULES = (
    _build_module(
        "acffbbca-3e5b-9aa9-65ee-ff7b6116565f",
        "EnsureMountingOfUsbStorageDevicesIsDisabled",
        "usb-storage",
        MEDIUM,
        "1.1.23",
    ),
    _build_module(
        "9967cbaf-44be-0dd1-92ab-d4f4034b2d28",
        "EnsureDisabledInstallationOfCramfsFileSystem",
        "cramfs",
        cis="1.1.1.1",
    ),
    _build_module(
        "4c066a3d-8eba-a210-3228-cff300039363",
        "EnsureDisabledInstallationOfFreevxfsFileSystem",
        "freevxfs",
        cis="1.1.1.2",
    ),
    _build_module(
        "39595d95-88a4-78e2-6e0e-fbde7fd95eed",
        "EnsureDisabledInstallationOfHfsFileSystem",
        "hfs",
        cis="1.1.1.4",
    ),
    _build_module(
        "68fb9c92-1009-9e24-694e-3d996a5e09c5",
        "EnsureDisabledInstallationOfHfsplusFileSystem",
        "hfsplus",
        cis="1.1.1.5",
    ),
    _build_module(
        "859c7aa0-6eeb-6aac-6160-2fdead2537bf",
        "EnsureDisabledInstallationOfJffs2FileSystem",
        "jffs2",
        cis="1.1.1.3",
    ),
    _build_module("93d2736e-7329-8806-3ef6-e71bb2203d11", "EnsureDccpIsDisabled", "dccp", MEDIUM),
    _build_module("78228616-15d4-33fe-0357-88e77f228f05", "EnsureSctpIsDisabled", "sctp", MEDIUM),
    _build_module("d9ed5e76-2348-4409-94dd-c76352407fe8", "EnsureDisabledSupportForRds", "rds", MEDIUM),
    _build_module("8ace9b14-820f-6e0d-37d8-c6df950454cd", "EnsureTipcIsDisabled", "tipc", MEDIUM),
    _build_parameters(
        "d790e942-efd3-42e6-a3a5-9eb1d651a588",
        "EnsureVirtualMemoryRandomizationIsEnabled",
        "Address space layout randomization should be on",
        HIGH,
        "1.5.3",
        KernelParameter("kernel.randomize_va_space", ("2",), "2"),
    ),
    _build_parameters(
        "5ea9d618-1af4-4e59-65be-ffac234872e9",
        "EnsurePacketRedirectSendingIsDisabled",
        "ICMP redirects should not be sent",
        MEDIUM,
        "3.1.2",
        *_build_ipv4_parameters("send_redirects", "0", "1"),
    ),
    _build_parameters(
        "a492f72a-6b79-8a9d-3b4f-3fface972ab7",
        "EnsureIcmpRedirectsIsDisabled",
        "ICMP redirects should not be accepted",
        MEDIUM,
        "3.2.2",
        *_build_ipv4_parameters("accept_redirects", "0", "1"),
        *_build_ipv6_parameters("accept_redirects", "0", "1"),
        *_build_ipv4_parameters("secure_redirects", "0", "1"),
    ),
    _build_parameters(
        "4ecae4e6-a3e2-44f5-9985-ea2a21962450",
        "EnsureSourceRoutedPacketsIsDisabled",
        "Source-routed packets should be refused on all interfaces",
        MEDIUM,
        "3.2.1",
        *_build_ipv4_parameters("accept_source_route", "0", "0", "all"),
        *_build_ipv6_parameters("accept_source_route", "0", "0", "all"),
    ),
    _build_parameters(
        "63613c25-8ae1-4792-9572-02bdc941febf",
        "EnsureAcceptingSourceRoutedPacketsIsDisabled",
        "Source-routed packets should be refused on new interfaces",
        MEDIUM,
        "3.2.1",
        *_build_ipv4_parameters("accept_source_route", "0", "1", "default"),
        *_build_ipv6_parameters("accept_source_route", "0", "0", "default"),
    ),
    _build_parameters(
        "88acc143-2f76-4418-9aa9-d0d5f244ab5f",
        "EnsureIgnoringBogusIcmpBroadcastResponses",
        "Bogus ICMP responses should be ignored",
        LOW,
        "3.2.6",
        KernelParameter("net.ipv4.icmp_ignore_bogus_error_responses", ("1",), "1"),
    ),
    _build_parameters(
        "f5a5926d-9c64-41fa-8220-5bc0f8213550",
        "EnsureIgnoringIcmpEchoPingsToMulticast",
        "Pings to broadcast addresses should be ignored",
        LOW,
        "3.2.5",
        KernelParameter("net.ipv4.icmp_echo_ignore_broadcasts", ("1",), "1"),
    ),
    _build_parameters(
        "dc1c08a3-91e8-1d60-9210-c18bdebd8778",
        "EnsureMartianPacketLoggingIsEnabled",
        "Packets with impossible addresses should be logged",
        LOW,
        "",
        *_build_ipv4_parameters("log_martians", "1", "0"),
    ),
    _build_parameters(
        "177e6190-1026-49fb-a1f9-fd5b10302280",
        "EnsureReversePathSourceValidationIsEnabled",
        "The source of packets should be validated by reverse path",
        MEDIUM,
        "3.2.7",
        *_build_ipv4_parameters("rp_filter", "1", "0"),
    ),
    _build_parameters(
        "db6ca14e-26c5-48cd-a6b7-fc953861043c",
        "EnsureTcpSynCookiesAreEnabled",
        "TCP SYN cookies should be on",
        MEDIUM,
        "3.2.8",
        KernelParameter("net.ipv4.tcp_syncookies", ("1", "2"), "1"),
    ),
    BaselineRule(
        id="f04b1de8-1fd3-40da-a27f-39b7ea97bf8c",
        name="EnsureIpv6ProtocolIsEnabled",
        title="IPv6 should be on",
        severity=LOW,
        fix="Remove disable_ipv6 from /etc/sysctl.d and ipv6.disable=1 from the kernel's command line.",
        check=assess_ipv6,
    ),
    BaselineRule(
        id="49c89437-d116-4d84-a91d-0dd59daafa0d",
        name="EnsureKernelSupportForCpuNx",
        cis="1.5.2",
        severity=HIGH,
        title="The kernel should protect data from execution (XD/NX)",
        check=assess_no_execute,
        fix="Switch NX on in the firmware and remove noexec=off from the kernel's command line.",
    ),
    BaselineRule(
        id="34e19f66-2387-4cdc-8ab2-cfac8e5865f0",
        name="EnsureKernelCompiledFromApprovedSources",
        severity=MEDIUM,
        title="The kernel should be that of the distribution",
        check=assess_kernel_source,
        fix="Install the kernel package of the distribution, restart, and remove other kernels from /boot.",
    ),
    BaselineRule(
        id="429123d4-7e7d-2737-6542-2e86b82c16a1",
        name="EnsureCoreDumpsAreRestricted",
        cis="1.5.1",
        severity=LOW,
        title="Core dumps should be restricted",
        check=assess_core_dumps,
        fix="Write '* hard core 0' to /etc/security/limits.d/core.conf and set fs.suid_dumpable = 0.",
    ),
)
