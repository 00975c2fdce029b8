"""Rules for the firewall, interfaces and banners."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.mechanisms.firewall import assess_default_deny
from nephoscope.protect.baseline.mechanisms.live_facts import assess_sniffer, assess_wireless
from nephoscope.protect.baseline.mechanisms.sign_in_banner import assess_banner
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
RULES = (
    BaselineRule(
        id="eb6c608a-2316-41bd-aa00-604249e31f27",
        name="EnsureDefaultDenyFirewallPolicyIsSet",
        cis="3.5.2.1",
        severity=HIGH,
        title="The firewall should refuse by default",
        expected="0",
        check=assess_default_deny,
        fix="Give the input chain the policy drop after rules for what is needed, SSH first.",
    ),
    BaselineRule(
        id="45766f27-5af3-453d-bade-f8195925cde1",
        name="EnsureSystemNotActingAsNetworkSniffer",
        severity=HIGH,
        title="No interface should be promiscuous",
        fix="ip link set INTERFACE promisc off",
        check=assess_sniffer,
    ),
    BaselineRule(
        id="8def2d0c-303a-4c0b-858c-319f80f7c814",
        name="EnsureAllWirelessInterfacesAreDisabled",
        cis="3.6",
        severity=MEDIUM,
        title="Wireless interfaces should be down",
        fix="nmcli radio all off",
        check=assess_wireless,
    ),
    BaselineRule(
        id="d8bba1aa-69e9-2caf-1632-72938ff6759a",
        name="EnsureRemoteLoginWarningBannerIsConfigured",
        cis="1.7.1.3",
        severity=LOW,
        title="The banner of remote sign-ins should warn and not tell the system",
        check=partial(assess_banner, path="etc/issue.net"),
        fix="Write a warning without \\m, \\r, \\s and \\v to /etc/issue.net.",
    ),
    BaselineRule(
        id="14c168de-4508-a69d-0feb-2f1efe245a71",
        name="EnsureLocalLoginWarningBannerIsConfigured",
        cis="1.7.1.2",
        severity=LOW,
        title="The banner of local sign-ins should warn and not tell the system",
        check=partial(assess_banner, path="etc/issue"),
        fix="Write a warning without \\m, \\r, \\s and \\v to /etc/issue.",
    ),
)
