"""Rules for services and packages that should not be there, and for those that should."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineState, BaselineVerdict
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.application_settings import (
    assess_osconfig_logging,
    assess_postfix_interfaces,
    assess_samba_protocol,
    assess_zeroconf,
)
from nephoscope.protect.baseline.mechanisms.packages import assess_absent, assess_installed_packages
from nephoscope.protect.baseline.mechanisms.scheduled_jobs import assess_allowed_users
from nephoscope.protect.baseline.mechanisms.services import assess_disabled_services, assess_enabled_services
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _build_disabled_row(
    id_: str,
    name: str,
    what: str,
    units: tuple[str, ...],
    severity: Severity,
    cis: str = "",
    inetd: tuple[str, ...] = (),
) -> BaselineRule:
    return BaselineRule(
        id=id_,
        name=name,
        title=f"The {what} service should be off",
        fix=f"systemctl disable --now {units[0]}",
        severity=severity,
        cis=cis,
        check=partial(assess_disabled_services, units=units, inetd=inetd),
    )


def _build_absence_rule(
    id_: str,
    name: str,
    what: str,
    packages: tuple[str, ...],
    severity: Severity,
    cis: str = "",
    units: tuple[str, ...] = (),
) -> BaselineRule:
    title = f"{what} should not be installed"
    return BaselineRule(
        id=id_,
        name=name,
        title=title,
        fix=f"Remove the package {packages[0]}.",
        severity=severity,
        cis=cis,
        check=partial(assess_gone, packages=packages, units=units)
        if units
        else partial(assess_absent, patterns=packages),
    )


def assess_gone(system: ExaminedSystem, packages: tuple[str, ...], units: tuple[str, ...]) -> BaselineVerdict:
    """Judge that packages are not installed and that their services do not start."""
    installed = assess_absent(system, packages)
    if installed.state is BaselineState.FAIL:
        return installed
    started = assess_disabled_services(system, units)
    return started if started.state is BaselineState.FAIL else installed


RULES = (
    _build_absence_rule(
        "cdee3703-321a-69c4-107f-e7b350a95e5a",
        "EnsurePrelinkIsDisabled",
        "prelink",
        ("prelink",),
        LOW,
        "1.5.4",
    ),
    _build_absence_rule(
        "5133422e-990f-971e-661d-ccfc913c1d2c",
        "EnsureTalkClientIsNotInstalled",
        "The talk client",
        ("talk", "inetutils-talk"),
        LOW,
        "2.3.3",
    ),
    _build_absence_rule(
        "a8a37e7f-9aae-41cf-8313-42d1f69506b9",
        "EnsureInetdNotInstalled",
        "inetd",
        ("inetd", "*-inetd"),
        MEDIUM,
        "2.1.10",
    ),
    _build_absence_rule(
        "1d9557b2-b58f-4f81-bde9-4f9b08a3b2f1",
        "EnsureXinetdNotInstalled",
        "xinetd",
        ("xinetd",),
        MEDIUM,
        "2.1.10",
    ),
    _build_absence_rule(
        "6c716f88-a252-4fe9-9c5c-ba9236a80beb",
        "EnsureAllTelnetdPackagesUninstalled",
        "A Telnet server",
        ("telnetd*", "*-telnetd", "telnet-server"),
        HIGH,
    ),
    _build_absence_rule(
        "b256491f-f804-4c44-bfa4-057dd2f44c30",
        "EnsureRshServerNotInstalled",
        "An rsh server",
        ("rsh-server", "rsh-redone-server"),
        HIGH,
        "2.1.6",
    ),
    _build_absence_rule(
        "6d441f31-f888-4f4f-b1da-7cfc26263e3f",
        "EnsureRshClientNotInstalled",
        "An rsh client",
        ("rsh", "rsh-client", "rsh-redone-client"),
        MEDIUM,
        "2.3.2",
    ),
    _build_absence_rule(
        "58f5187e-88bd-4f24-8570-2c295d5c93c6",
        "EnsureNisNotInstalled",
        "NIS",
        ("nis", "ypbind", "ypbind-mt"),
        HIGH,
        units=("ypbind.service", "nis.service"),
    ),
    _build_absence_rule(
        "ae9ce111-ef4d-4d34-8f76-fdc38263f153",
        "EnsureTftpdNotInstalled",
        "A TFTP server",
        ("tftpd", "tftpd-*", "atftpd", "tftp-server"),
        MEDIUM,
        "2.1.9",
    ),
    _build_absence_rule(
        "dbae0d26-55e9-49d5-8782-86cb7412f99f",
        "EnsureReadaheadFedoraNotInstalled",
        "readahead-fedora",
        ("readahead-fedora",),
        LOW,
    ),
    _build_absence_rule(
        "9f107bb8-eaf3-445d-acbb-7ab635b442e9",
        "EnsureBluetoothHiddNotInstalled",
        "Bluetooth",
        ("bluetooth", "bluez"),
        LOW,
        units=("bluetooth.service",),
    ),
    _build_absence_rule(
        "51ebf409-911a-4d92-9d3a-1e331e7e4b27",
        "EnsureIsdnUtilsBaseNotInstalled",
        "ISDN",
        ("isdnutils-base", "isdn4k-utils"),
        LOW,
        units=("isdn.service", "isdnutils.service"),
    ),
    _build_absence_rule(
        "290d7102-c4e3-4e88-863d-6ddc7e952a5a",
        "EnsureIsdnUtilsKdumpToolsNotInstalled",
        "kdump",
        ("kdump-tools", "kdump-utils"),
        LOW,
        units=("kdump.service", "kdump-tools.service"),
    ),
    _build_absence_rule(
        "660fa012-ca99-4314-a2a8-11728020bac7",
        "EnsureIscDhcpdServerNotInstalled",
        "A DHCP server",
        ("isc-dhcp-server", "dhcp-server"),
        MEDIUM,
        "2.2.5",
    ),
    _build_absence_rule(
        "43356a32-24bb-401c-9746-a27b2be668fa",
        "EnsureSendmailNotInstalled",
        "Sendmail",
        ("sendmail", "sendmail-bin"),
        MEDIUM,
    ),
    _build_absence_rule(
        "f56bf32f-528f-48b3-9f82-62f5ff4e9787",
        "EnsurePostfixPackageIsUninstalled",
        "Postfix",
        ("postfix",),
        LOW,
    ),
    _build_absence_rule(
        "b577b358-6ec9-4ed7-b0df-259e44713b16",
        "EnsureSldapdNotInstalled",
        "An LDAP server",
        ("slapd", "openldap-servers"),
        MEDIUM,
        "2.2.6",
        ("slapd.service",),
    ),
    _build_absence_rule(
        "361a6cb4-f761-426f-a9d0-9e82ec0b3285",
        "EnsureBind9NotInstalled",
        "A DNS server",
        ("bind9", "bind"),
        MEDIUM,
        "2.2.8",
        ("named.service", "bind9.service"),
    ),
    _build_absence_rule(
        "b0b6cf96-bd8a-40c5-b051-4615078a0bf0",
        "EnsureDovecotCoreNotInstalled",
        "Dovecot",
        ("dovecot-core", "dovecot"),
        MEDIUM,
        "",
        ("dovecot.service",),
    ),
    _build_disabled_row(
        "f57ef648-bdaa-45a3-9e3a-f4649c48896f",
        "EnsureRloginServiceIsDisabled",
        "rlogin",
        ("rlogin.socket", "rlogin.service", "rlogin@*.service"),
        HIGH,
        "",
        ("login", "rlogin"),
    ),
    _build_disabled_row(
        "0617b91c-2a28-42bd-b5b3-7562555b41ed",
        "EnsureTelnetServiceIsDisabled",
        "Telnet",
        ("telnet.socket", "telnet.service", "telnet@*.service"),
        HIGH,
        "2.1.8",
        ("telnet",),
    ),
    _build_disabled_row(
        "dda66a42-30d1-4621-9565-f09628ac8047",
        "EnsureRcprshServiceIsDisabled",
        "rsh",
        ("rsh.socket", "rsh.service", "rsh@*.service", "rcp.socket", "rcp.service"),
        HIGH,
        "",
        ("shell", "rsh", "rcp"),
    ),
    _build_disabled_row(
        "cb086aef-fec2-467f-a03b-627c00020926",
        "EnsureTftpServiceisDisabled",
        "TFTP",
        ("tftp.socket", "tftp.service", "tftpd-hpa.service", "atftpd.service"),
        MEDIUM,
        "2.1.9",
        ("tftp",),
    ),
    _build_disabled_row(
        "c3bf78d8-43a0-4768-b790-c940621057b6",
        "EnsureAvahiDaemonServiceIsDisabled",
        "Avahi",
        ("avahi-daemon.service", "avahi-daemon.socket"),
        LOW,
        "2.2.3",
    ),
    _build_disabled_row(
        "4854666c-061b-4945-8a25-19133b8d5c7d",
        "EnsureCupsServiceisDisabled",
        "CUPS",
        ("cups.service", "cups.socket", "cups.path"),
        LOW,
        "2.2.4",
    ),
    _build_disabled_row(
        "9c11dc9f-ab7e-4c3f-923f-5a8fc4e97cb9",
        "EnsureRpcgssdServiceIsDisabled",
        "rpcgssd",
        ("rpc-gssd.service", "rpcgssd.service"),
        LOW,
    ),
    _build_disabled_row(
        "b600d670-5b01-4458-9143-8aa7cd25dadc",
        "EnsureRpcidmapdServiceIsDisabled",
        "rpcidmapd",
        ("nfs-idmapd.service", "rpcidmapd.service"),
        LOW,
    ),
    _build_disabled_row(
        "f4a80328-1d67-45ed-b915-274d2e6c699e",
        "EnsurePortmapServiceIsDisabled",
        "port mapper",
        ("rpcbind.service", "rpcbind.socket", "portmap.service"),
        MEDIUM,
    ),
    _build_disabled_row(
        "ee372ff3-9221-498b-b467-7406bf421168",
        "EnsureNetworkFileSystemServiceIsDisabled",
        "NFS server",
        ("nfs-server.service", "nfs-kernel-server.service", "nfs.service"),
        MEDIUM,
        "2.2.7",
    ),
    _build_disabled_row(
        "78963287-11b9-471b-9122-e6829e105989",
        "EnsureRpcsvcgssdServiceIsDisabled",
        "rpcsvcgssd",
        ("rpc-svcgssd.service", "rpcsvcgssd.service"),
        LOW,
    ),
    _build_disabled_row(
        "ca1aea32-3969-49ab-abfc-2c5796a9a8bb",
        "EnsureSnmpServerIsDisabled",
        "SNMP",
        ("snmpd.service",),
        MEDIUM,
        "2.2.14",
    ),
    _build_disabled_row(
        "63aba603-b1f8-40df-82c5-38915452ce23",
        "EnsureRsynServiceIsDisabled",
        "rsync",
        ("rsync.service", "rsyncd.service", "rsyncd.socket"),
        MEDIUM,
        "2.2.16",
        ("rsync",),
    ),
    _build_disabled_row(
        "b4ad3fdd-7b68-4b11-a3ed-84b37a68b995",
        "EnsureNisServerIsDisabled",
        "NIS server",
        ("ypserv.service",),
        HIGH,
        "2.2.17",
    ),
    BaselineRule(
        id="083550af-f4fe-4e1a-a304-dac894d58908",
        name="EnsureZeroconfNetworkingIsDisabled",
        title="Zeroconf networking should be off",
        severity=LOW,
        fix="systemctl disable --now avahi-daemon; set NOZEROCONF=yes in /etc/sysconfig/network",
        check=assess_zeroconf,
    ),
    BaselineRule(
        id="d0cc4e35-70a1-4ee5-b572-3b969201562e",
        name="EnsurePostfixNetworkListeningIsDisabled",
        severity=MEDIUM,
        title="Postfix should listen on the loopback interface alone",
        check=assess_postfix_interfaces,
        fix="Set inet_interfaces = loopback-only in /etc/postfix/main.cf and restart Postfix.",
    ),
    BaselineRule(
        id="7624efb0-3026-4c72-8920-48d5be78a50e",
        name="EnsureSmbWithSambaIsDisabled",
        cis="2.2.12",
        severity=HIGH,
        title="Samba should not speak SMB 1",
        fix="Set server min protocol = SMB2 in /etc/samba/smb.conf and restart Samba.",
        check=assess_samba_protocol,
    ),
    BaselineRule(
        id="d13a3969-b46a-4017-a894-765a4d6252db",
        name="EnsureLoggingLevel",
        severity=LOW,
        expected="Informational",
        title="Azure OSConfig should log informational messages",
        check=assess_osconfig_logging,
        fix='Set "LoggingLevel": 6 in /etc/osconfig/osconfig.json.',
    ),
    BaselineRule(
        id="80302f61-d760-4165-a92b-a789e579380f",
        name="EnsureCronServiceIsEnabled",
        cis="5.1.1",
        severity=LOW,
        title="The cron service should be on",
        fix="systemctl enable --now cron",
        check=partial(assess_enabled_services, units=("cron.service", "crond.service", "cronie.service")),
    ),
    BaselineRule(
        id="7ac5f3c8-917b-548e-3138-c6e326a362fc",
        name="EnsureAtCronIsRestrictedToAuthorizedUsers",
        cis="5.1.8",
        severity=MEDIUM,
        title="Only listed users should schedule jobs",
        check=partial(assess_allowed_users, most=0o640),
        fix="Remove /etc/cron.deny and /etc/at.deny; create /etc/cron.allow and /etc/at.allow with mode 640 for root.",
    ),
    BaselineRule(
        id="f9fd03d2-75e4-4564-84a9-4e955f1e7c30",
        name="EnsureAuditdInstalled",
        severity=MEDIUM,
        title="auditd should be installed",
        fix="Install the package auditd (audit on RPM distributions).",
        check=partial(assess_installed_packages, patterns=("auditd", "audit")),
    ),
    BaselineRule(
        id="c146c4a4-5eb6-4205-88da-5a71a82f2d45",
        name="EnsureAuditdServiceIsRunning",
        severity=MEDIUM,
        title="The auditd service should run",
        fix="systemctl enable --now auditd",
        check=partial(assess_enabled_services, units=("auditd.service",)),
    ),
)
