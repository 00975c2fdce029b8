"""List the locations and tags in use in a subscription, limited to the resources that the caller may read.

Source: https://learn.microsoft.com/rest/api/resources/subscriptions/list-locations (2022-12-01), tags/list (2021-04-01)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import BELOW, ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list

SURFACE = ApiSurface("What subscriptions use", lets=BELOW)
READ = "Microsoft.Resources/subscriptions/resources/read"
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = "microsoft.resources/subscriptions/resourcegroups"


@SURFACE.get(f"{_SUBSCRIPTION}/locations", "Subscriptions_ListLocations", READ)
def list_locations(call: ApiCall) -> ApiResponse:
    """List the locations in which the subscription has resources."""
    names = sorted({one for one, _ in _read_facts(call) if one and one != "global"})
    return answer_list(call, [_build_location(call, name) for name in names])


@SURFACE.get(f"{_SUBSCRIPTION}/tagNames", "Tags_List", READ)
def list_tags(call: ApiCall) -> ApiResponse:
    """List the tag names and values of resources and resource groups, with their counts."""
    counts: dict[str, Counter[str]] = {}
    for _, own in _read_facts(call):
        for name, value in own:
            counts.setdefault(name, Counter())[value] += 1
    return answer_list(call, [_build_tag(call, name, counts[name]) for name in sorted(counts)])


Facts = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def _read_facts(call: ApiCall) -> Facts:
    """The location and the tags of each resource and resource group of the subscription."""
    key = ("location and tags", call.listing_scope, call.reach)
    return call.snapshot.get_or_compute(key, lambda: tuple(_read_subscription_facts(call)))


def _read_subscription_facts(call: ApiCall) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    listing, after = call.snapshot.listing, ""
    types = [*listing.resource_types(call.reach, call.listing_scope), _GROUP]
    while True:
        page = listing.page(types, call.reach, call.listing_scope, after=after)
        for one in page.bodies:
            own = one.get("tags")
            tags = own.items() if isinstance(own, dict) else ()
            place = str(one.get("location") or "").replace(" ", "").lower()
            yield place, tuple((str(name), str(value)) for name, value in tags)
        after = page.after
        if not after:
            return


def _build_location(call: ApiCall, name: str) -> dict[str, object]:
    """A location by its name, which is all that resources tell of it."""
    id_ = f"/subscriptions/{call['subscriptionId']}/locations/{name}"
    return {
        "id": id_, "name": name, "type": "Region", "displayName": name, "regionalDisplayName": name,
        "metadata": {"regionType": "Physical"},
    }  # fmt: skip


def _build_tag(call: ApiCall, name: str, values: Counter[str]) -> dict[str, object]:
    id_ = f"/subscriptions/{call['subscriptionId']}/tagNames/{name}"
    tag_values = [
        {"id": f"{id_}/tagValues/{value}", "tagValue": value, "count": _format_count(number)}
        for value, number in sorted(values.items())
    ]
    return {"id": id_, "tagName": name, "count": _format_count(values.total()), "values": tag_values}


def _format_count(number: int) -> dict[str, object]:
    return {"type": "Total", "value": number}
