"""Profile dimensions: the values that a profile stores, their retention and insights.

The names are those of Sentinel's BehaviorAnalytics where it has one, and of the same pattern where it has none (`own`).
Source: https://learn.microsoft.com/azure/sentinel/ueba-reference (names and look-back periods)
"""

from __future__ import annotations

from dataclasses import dataclass

RECENT = 10
"""Days in which a user has to have shown a value for it to be common for them, as in Sentinel."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension: the column of an observation, its weight in the score (0..1), its look-back in days.

    The insights: first time by the user, uncommon for the user, among peers, first in the tenant, uncommon in the tenant ('' = it
    gives none). `phrase` says the value in words; `tells` is whether a first time is worth a row by itself; `place` is whether it
    is a matter of where one is; `common`: who is new here is expected to share it with somebody.
    """

    name: str
    weight: float
    lookback: int
    first: str
    uncommon: str
    among_peers: str
    first_in_tenant: str
    uncommon_in_tenant: str
    phrase: str
    tells: bool = True
    place: bool = False
    own: bool = False
    common: bool = False


def _declare_dimension(
    name: str,
    weight: float,
    lookback: int,
    subject: str,
    verbs: tuple[str, str, str],
    phrase: str,
    **more: bool,
) -> Dimension:
    """A dimension whose names follow the pattern: FirstTimeUser<did>, <Subject>Uncommonly<done>ByUser, FirstTime<observed>InTenant."""
    did, done, observed = verbs
    return Dimension(
        name,
        weight,
        lookback,
        f"FirstTimeUser{did}",
        f"{subject}Uncommonly{done}ByUser",
        f"{subject}Uncommonly{done}AmongPeers",
        f"FirstTime{observed}InTenant",
        f"{subject}Uncommonly{done}InTenant",
        phrase,
        **more,
    )


DIMENSIONS = {
    one.name: one
    for one in (
        _declare_dimension(
            "Country", 0.55, 90, "Country", ("ConnectedFromCountry", "ConnectedFrom", "ConnectionFromCountryObserved"), "from {}",
            place=True, common=True,
        ),
        _declare_dimension(
            "ISP", 0.3, 30, "ISP", ("ConnectedViaISP", "Used", "ConnectionViaISP"), "over the network {}", place=True, common=True
        ),
        _declare_dimension("Browser", 0.15, 30, "Browser", ("ConnectedViaBrowser", "Used", "BrowserObserved"), "with the browser {}"),
        _declare_dimension("Device", 0.25, 30, "Device", ("ConnectedFromDevice", "Used", "DeviceObserved"), "from the device {}"),
        _declare_dimension("App", 0.2, 180, "App", ("UsedApp", "Used", "AppObserved"), "to the application {}", common=True),
        _declare_dimension("Operation", 0.35, 180, "Action", ("PerformedAction", "Performed", "ActionPerformed"), "{}", common=True),
        _declare_dimension("Resource", 0.2, 180, "Resource", ("AccessedResource", "Accessed", "ResourceAccessed"), "on {}"),
        Dimension(
            "System", 0.15, 30, "FirstTimeUserConnectedViaOperatingSystem", "", "", "", "DeviceFamilyUncommonlyUsedInTenant",
            "with the system {}",
        ),
        Dimension(
            "Host", 0.25, 180, "FirstTimeUserLoggedOnToDevice", "HostUncommonlyLoggedOnToByUser", "HostUncommonlyLoggedOnToAmongPeers",
            "", "", "to the machine {}",
        ),
        Dimension("Provider", 0.15, 30, "SimilarActionWasn'tPerformedInThePast", "", "", "", "", "in {}", tells=False),
        _declare_dimension(
            "City", 0.1, 90, "City", ("ConnectedFromCity", "ConnectedFrom", "ConnectionFromCityObserved"), "from {}",
            tells=False, place=True, own=True,
        ),
        _declare_dimension(
            "Address", 0.05, 30, "Address", ("ConnectedFromAddress", "Used", "ConnectionFromAddressObserved"), "from the address {}",
            tells=False, place=True, own=True,
        ),
        _declare_dimension(
            "Hours", 0.1, 30, "Hours", ("ActiveInHours", "Active", "ActivityInHoursObserved"), "at {}", tells=False, own=True
        ),
        Dimension(
            "Account", 0.25, 180, "FirstTimeAccountLoggedOnToHost", "AccountUncommonlyLoggedOnToHost", "", "",
            "AccountUncommonlyLoggedOnInTenant", "by {}", own=True,
        ),
    )
}  # fmt: skip
LONGEST = max(one.lookback for one in DIMENSIONS.values())
ACTIVITY = "Operation"
"""The dimension that every observation has: on its days an entity was active."""
