"""Keys that nobody can answer from ARM and Graph: each ends Unknown, by name, with what would be needed.

They need what runs inside a machine (an agent), what was scanned (images, disks, databases), or what happened (the lake).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import report_unknown
from nephoscope.analyze.virtual_machines import CLASSIC, EXTENSION, MACHINE
from nephoscope.estate.network import SCALE_SET_TYPE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_ATTESTATION = ("microsoft.azure.security.windowsattestation", "microsoft.azure.security.linuxattestation")
_MACHINES = (MACHINE, CLASSIC)
_CLOUD_SERVICE = "microsoft.compute/cloudservices"

# (key, what healthy means, types, policies, retired policies, what would be needed)
_ROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        "ad50b498-f90c-451f-886f-d0a169cc5002",
        "Linux machines should use signed boot components only",
        (MACHINE,),
        ("13a6c84f-49a5-410a-b5df-5b880c3fe009",),
        (),
        "the machine's boot measurements (guest attestation)",
    ),
    (
        "b7604066-ed76-45f9-a5c1-c97e4812dc55",
        "Guest attestation of the machine should succeed",
        (EXTENSION,),
        ("f6358610-e532-4236-b178-4c65865eb262",),
        (),
        "the answer of the attestation service",
    ),
    (
        "8941d121-f740-35f6-952c-6561d2b38d36",
        "Scale set instances should meet the security baseline",
        (_CLOUD_SERVICE, SCALE_SET_TYPE),
        ("a0c11ca4-5828-4384-a2f2-fd7444dd5b4d",),
        ("3c735d8a-a4ba-4a3a-b7cf-db7754cf57f4",),
        "a baseline scan by an agent on each instance",
    ),
    (
        "bd20bd91-aaf1-7f14-b6e4-866de2f43146",
        "System updates should be installed on scale set instances",
        (_CLOUD_SERVICE, SCALE_SET_TYPE),
        ("4df26ba8-026d-45b0-9521-bffa44d741d2",),
        ("c3f317a7-a95c-4547-b7e7-11017ebdf2fe",),
        "an update assessment of each instance",
    ),
    (
        "e71020c2-860c-3235-cd39-04f3f8c936d2",
        "Endpoint protection should be installed on scale set instances",
        (_CLOUD_SERVICE, SCALE_SET_TYPE),
        (),
        ("1e378679-f122-4a96-a739-a7729c46e1aa", "26a828e1-e88f-464e-bbb3-c134a282b9de"),
        "an agent's report from each instance",
    ),
    (
        "8e2b96ff-3de2-289b-b5c1-3b9921a3441e",
        "Log Analytics agent health issues should be resolved on the machine",
        _MACHINES,
        (),
        ("d62cfe2b-3ab0-4d41-980d-76803b58ca65",),
        "the agent's heartbeat in the lake",
    ),
    (
        "0677209d-e675-2c6f-e91a-54cef2878663",
        "Docker hosts on the machine should be configured securely",
        (*_MACHINES, SCALE_SET_TYPE),
        (),
        ("e8cbc669-f12d-49eb-93e7-9273119e9933",),
        "a Docker benchmark by an agent on the machine",
    ),
    (
        "35f45c95-27cf-4e52-891f-8390d1de5828",
        "Allowed applications should be defined on the machine",
        _MACHINES,
        (),
        ("47a6b606-51aa-4496-8bb7-64b11cf66adc",),
        "two weeks of process events in the lake",
    ),
    (
        "1234abcd-1b53-4fd4-9835-2c2fa3935313",
        "Allowlist rules for application control should be updated",
        _MACHINES,
        (),
        ("123a3936-f020-408a-ba0c-47873faf1534",),
        "two weeks of process events in the lake",
    ),
    (
        "8bc390da-9eb6-938d-25ed-44a35d9bcc9d",
        "Cloud service roles should run the current operating system version",
        ("microsoft.classiccompute/domainnames/slots/roles",),
        (),
        ("5a913c68-0590-402c-a531-e57e19379da3",),
        "the role's deployed image",
    ),
    (
        "2acd365d-e8b5-4094-bce4-244b7c51d67c",
        "Subscriptions should not use management certificates",
        (SUBSCRIPTION_TYPE,),
        (),
        ("6646a0bd-e110-40ca-bb97-84fcee63c414",),
        "the management certificates of the retired classic interface",
    ),
    (
        "b0df6f56-862d-4730-8597-38c0fd4ebd59",
        "Sensitive data in databases should be classified",
        ("microsoft.sql/servers/databases", "microsoft.sql/managedinstances/databases"),
        (),
        ("cc9835f2-9f6b-4cc8-ab4a-f8ef615eb349",),
        "a scan of the database's columns for sensitive data",
    ),
)

KEYS = index_keys(*(Key(*row[:5]) for row in _ROWS))
NEEDED = {row[0]: row[5] for row in _ROWS}
TYPES = tuple(dict.fromkeys(type_ for key in KEYS.values() for type_ in key.types))


def _attests(extension: Resource) -> bool:
    """Return whether an extension is a guest attestation agent, the only one that a key here is asked of."""
    return str(get_properties(extension).get("publisher", "")).lower() in _ATTESTATION


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Say of every resource that a key is asked of that nobody can answer it."""
    for key in KEYS.values():
        for type_ in key.types:
            for resource in view.list_resources(type_):
                if type_ == EXTENSION and not _attests(resource):
                    continue
                yield report_unknown(
                    str(resource.body["id"]),
                    key,
                    "no-analyzer",
                    f"no analyzer answers it yet: it needs {NEEDED[key.id]}",
                )
