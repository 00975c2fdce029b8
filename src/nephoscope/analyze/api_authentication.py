"""API endpoints in API Management should be authenticated.

An operation is authenticated when its API needs a subscription key and is in no product that is open to everybody, or when the
policy of the operation, its API, a product or the whole service validates a token or a client certificate in its inbound
section (validate-jwt, validate-azure-ad-token, validate-client-certificate, authentication by check-header on Authorization).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import assess_all, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

SERVICE = "microsoft.apimanagement/service"
API = f"{SERVICE}/apis"
OPERATION = f"{API}/operations"
PRODUCT = f"{SERVICE}/products"
PRODUCT_API = f"{PRODUCT}/apis"
PRODUCT_LINK = f"{PRODUCT}/apilinks"
POLICIES = (f"{OPERATION}/policies", f"{API}/policies", f"{SERVICE}/policies")

AUTHENTICATED = Key(
    "91af2040-7874-4659-abf0-578e1f8d07dc",
    "Callers of API endpoints should be authenticated",
    (OPERATION,),
    ("8ac833bd-f505-48d5-887e-c993a1d3eea0",),
)
KEYS = index_keys(AUTHENTICATED)
TYPES = (API, OPERATION, PRODUCT, PRODUCT_API, PRODUCT_LINK, *POLICIES)

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INBOUND = re.compile(r"<inbound\b[^>]*>(.*?)</inbound\s*>", re.DOTALL | re.IGNORECASE)
_VALIDATES = re.compile(
    r"<validate-(?:jwt|azure-ad-token|client-certificate)\b|<check-header\b[^>]*name\s*=\s*\"authorization\"",
    re.IGNORECASE,
)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every API operation."""
    unlocked = _list_unlocked_apis(view)

    def assess(operation: Resource, key: Key) -> Assessment:
        id_ = str(operation.body["id"])
        api = view.estate.resources.get(operation.id.parent)
        if api is None or not api.complete:
            raise DataNotCollectedError(operation.id.parent)
        if _validates(view, operation, api):
            return report_healthy(id_, key, "a policy validates the caller")
        if get_properties(api).get("subscriptionRequired", True) is not False:
            return _assess_subscription_key(view, operation, key, api, unlocked)
        _need_policies(view, operation, api)
        return report_unhealthy(
            id_, key, "the API needs no subscription key and no policy validates the caller"
        )

    return assess_all(view.list_resources(OPERATION), AUTHENTICATED, assess)


def _assess_subscription_key(
    view: EstateView, operation: Resource, key: Key, api: Resource, unlocked: frozenset[str]
) -> Assessment:
    id_ = str(operation.body["id"])
    view.require_collected(PRODUCT, api.id.parent)
    for product in view.list_children(PRODUCT, api.id.parent):
        view.require_collected(PRODUCT_API, product.key)
        view.require_collected(PRODUCT_LINK, product.key)
    if api.key not in unlocked:
        for product in view.list_children(PRODUCT, api.id.parent):
            require_complete(product)
        return report_healthy(id_, key, "the API needs a subscription key")
    _need_policies(view, operation, api)
    return report_unhealthy(id_, key, "an open product offers the API without a subscription key")


def _list_unlocked_apis(view: EstateView) -> frozenset[str]:
    """The APIs in products that need no subscription."""
    found: set[str] = set()
    for product in view.list_resources(PRODUCT):
        if get_properties(product).get("subscriptionRequired", True) is not False:
            continue
        service = product.id.parent
        found.update(
            f"{service}/apis/{part.id.name}" for part in view.list_children(PRODUCT_API, product.key)
        )
        found.update(
            str(get_properties(link).get("apiId", "")).lower()
            for link in view.list_children(PRODUCT_LINK, product.key)
        )
    return frozenset(found)


def _validates(view: EstateView, operation: Resource, api: Resource) -> bool:
    return any(
        _is_validating_policy(str(require_complete(policy).get("value", "")))
        for type_, owner in _list_policy_owners(operation, api)
        for policy in view.list_children(type_, owner)
    )


def _need_policies(view: EstateView, operation: Resource, api: Resource) -> None:
    for type_, owner in _list_policy_owners(operation, api):
        view.require_collected(type_, owner)


def _list_policy_owners(operation: Resource, api: Resource) -> Iterable[tuple[str, str]]:
    """Each type of policy with the id of what has it."""
    return zip(POLICIES, (operation.key, api.key, api.id.parent), strict=True)


def _is_validating_policy(xml: str) -> bool:
    inbound = _INBOUND.search(_COMMENT.sub("", xml))
    return inbound is not None and _VALIDATES.search(inbound.group(1)) is not None
