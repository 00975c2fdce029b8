"""Microsoft.Security/softwareInventories: what runs on machines, from the logs that tell of it, and as Azure had told of it.

Installed software is told by ConfigurationData (Change Tracking) and by DeviceTvmSoftwareInventory (Defender for Endpoint), how many
vulnerabilities are known of it by DeviceTvmSoftwareVulnerabilities. A device that no log ties to a resource is the machine of its
name, where the estate has exactly one. Of a machine is told what its last report of a day has; of software that both tell of, what
Defender for Endpoint tells.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/software-inventories (2021-05-01-preview)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from nephoscope.access.authenticator import DeniedError
from nephoscope.api.defender import collected_documents
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.query_throttling import make_throttled_fault
from nephoscope.api.wire.response import ApiResponse, answer_list, read_page_place
from nephoscope.lake.queries.time_span import RowSpan

SURFACE = ApiSurface("Software inventories", "Microsoft.Security")
TYPE = "Microsoft.Security/softwareInventories"
READ = f"{TYPE}/read"
_LIST = f"{{scope}}/providers/{TYPE}"
_SECURITY = next(one for one in collected_documents.PROVIDERS if one.name == "Microsoft.Security")
_MACHINES = ("microsoft.compute/virtualmachines", "microsoft.hybridcompute/machines")
REPORTED_WITHIN = timedelta(days=30)
MOST = 50_000
_QUERY = f"""
let Installed = union
    (ConfigurationData
    | where ConfigDataType =~ "Software" and isnotempty(SoftwareName)
    | project TimeGenerated, Machine = tolower(_ResourceId), Host = tolower(tostring(split(Computer, ".")[0])), Device = VMUUID,
        Platform = "", Vendor = Publisher, Name = SoftwareName, Version = CurrentVersion, Support = "", Endpoint = false),
    (DeviceTvmSoftwareInventory
    | where isnotempty(SoftwareName)
    | project TimeGenerated, Machine = tolower(_ResourceId), Host = tolower(tostring(split(DeviceName, ".")[0])), Device = DeviceId,
        Platform = OSPlatform, Vendor = SoftwareVendor, Name = SoftwareName, Version = SoftwareVersion, Support = EndOfSupportStatus,
        Endpoint = true);
let Last = Installed | summarize Last = max(TimeGenerated) by Machine, Host, Endpoint;
let Vulnerable = DeviceTvmSoftwareVulnerabilities
    | summarize Found = dcount(CveId, 4) by Device = DeviceId, Name = SoftwareName, Version = SoftwareVersion;
Installed
| summarize First = min(TimeGenerated), arg_max(TimeGenerated, Device, Platform, Vendor, Support)
    by Machine, Host, Endpoint, Name, Version
| join kind=inner Last on Machine, Host, Endpoint
| where TimeGenerated > Last - 1d
| join kind=leftouter Vulnerable on Device, Name, Version
| extend First = format_datetime(First, "yyyy-MM-dd HH:mm:ss")
| project Machine, Host, Endpoint, Name, Version, First, Device, Platform, Vendor, Support, Found
| order by Machine asc, Host asc, Name asc, Version asc, Endpoint desc
| take {MOST}
"""
#: How Defender for Endpoint says what is no longer supported, and how this API does.
_SUPPORT = {
    "eos software": "noLongerSupported",
    "eos version": "versionNoLongerSupported",
    "upcoming eos software": "upcomingNoLongerSupported",
    "upcoming eos version": "upcomingVersionNoLongerSupported",
}
_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@SURFACE.get(_LIST, "SoftwareInventories_List", READ, throttled=make_throttled_fault)
def list_(call: ApiCall) -> ApiResponse:
    """List the software of the machines of a subscription, or of one machine."""
    mine = dict(sorted((str(one["id"]).lower(), one) for one in _list_known_software(call)))
    if not mine:
        return collected_documents.read(call, _SECURITY)
    snapshot = call.instance.snapshots.load_newest()
    imported = (
        snapshot.listing.page([TYPE.lower()], call.reach, call.listing_scope, collected=True).bodies
        if snapshot
        else ()
    )
    found = [*mine.values(), *(one for one in imported if str(one["id"]).lower() not in mine)]
    start, most = read_page_place(call), call.read_requested_count(1000)
    return answer_list(
        call, found[start : start + most], str(start + most) if len(found) > start + most else ""
    )


@SURFACE.get(f"{_LIST}/{{softwareName}}", "SoftwareInventories_Get", READ, throttled=make_throttled_fault)
def get(call: ApiCall) -> ApiResponse:
    """Get a software inventory entry of a machine."""
    wanted = call.path.lower().rstrip("/")
    found = next((one for one in _list_known_software(call) if str(one["id"]).lower() == wanted), None)
    return ApiResponse(found) if found is not None else collected_documents.read(call, _SECURITY)


def _list_known_software(call: ApiCall) -> Iterator[dict[str, Any]]:
    """Yield what logs tell below the scope of a call, each once: of several, Defender for Endpoint, then the first workspace."""
    rows = [
        row for workspace in call.instance.state.workspaces.all() for row in _fetch_rows(call, workspace.name)
    ]
    if not rows:
        return
    rows.sort(key=lambda row: not row["Endpoint"])
    by_name = _map_machine_names(call)
    seen = set()
    for row in rows:
        machine = row["Machine"] or by_name.get(row["Host"], "")
        if (
            machine
            and f"{machine}/".startswith(f"{call.listing_scope}/")
            and arm_documents.is_visible(call.reach, machine)
        ):
            one = _build_body(machine, row)
            if one["id"] not in seen:
                seen.add(one["id"])
                yield one


def _fetch_rows(call: ApiCall, workspace: str) -> list[dict[str, Any]]:
    """The rows of a workspace that the caller may read."""
    try:
        scope = call.caller.find_log_scope(READ, workspace)
    except DeniedError:
        return []
    now = call.instance.now
    span = RowSpan(now - REPORTED_WITHIN, now)
    (found,) = call.instance.lake.query(
        _QUERY, scope=scope, workspace=workspace, timeout=call.instance.query_seconds, span=span
    )
    rows: list[dict[str, Any]] = found.table.to_pylist()
    return rows


def _map_machine_names(call: ApiCall) -> Mapping[str, str]:
    """Name -> id of the machines of which there is one of the name."""
    snapshot = call.instance.snapshots.load_newest()
    if snapshot is None:
        return {}
    several = snapshot.listing.page(_MACHINES, call.reach, most=MOST).bodies
    names = Counter(str(one["name"]).lower() for one in several)
    return {name: str(one["id"]).lower() for one in several if names[name := str(one["name"]).lower()] == 1}


def _build_body(machine: str, row: Mapping[str, object]) -> dict[str, Any]:
    name = _UNSAFE.sub("_", f"{row['Name']}_{row['Version']}".lower()).strip("_")
    endpoint = {
        "osPlatform": row["Platform"],
        "endOfSupportStatus": _SUPPORT.get(str(row["Support"]).lower(), "None"),
        "numberOfKnownVulnerabilities": row["Found"] or 0,
    }
    return {
        "id": f"{machine}/providers/{TYPE}/{name}",
        "name": name,
        "type": TYPE,
        "properties": {
            "deviceId": row["Device"],
            "vendor": row["Vendor"],
            "softwareName": row["Name"],
            "version": row["Version"],
            "firstSeenAt": row["First"],
            **(endpoint if row["Endpoint"] else {}),
        },
    }
