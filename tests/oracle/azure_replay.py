"""What the tests of the collector share: signing in to the loopback Azure, collecting, comparing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from nephoscope.collect import resources
from nephoscope.collect.azure.collection_settings import CollectionSettings
from nephoscope.collect.azure.collector import CollectionResult, Collector
from nephoscope.collect.resources.child_resources import iterate_children
from nephoscope.connect.cloud import Cloud
from nephoscope_policy.model.resource_id import ResourceId

_COLUMNS = ("tenantId", "subscriptionId", "resourceGroup")


def sign_in(azure: Any) -> Any:
    """A credential that takes its tokens from the server; a new one has cached nothing."""

    class Credential:
        def __init__(self) -> None:
            self.token: Any = None

        def get_token(self, *_: str, **__: Any) -> Any:
            if self.token is None:
                azure.tokens += 1
                self.token = SimpleNamespace(
                    token=f"token-{azure.tokens}", expires_on=int(time.time()) + 86400
                )
                azure.valid.add(self.token.token)
            return self.token

    return lambda tenant: Credential


def settings(azure: Any, **options: Any) -> CollectionSettings:
    cloud = Cloud("loopback", azure.origin, azure.origin, azure.origin, azure.origin)
    return CollectionSettings(cloud=cloud, sign_in=sign_in(azure), **options)


def collect(azure: Any, needs: Any, out: Any, **options: Any) -> CollectionResult:
    return Collector(settings(azure, **options), needs, out).run()


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what only Resource Graph adds, and without the type, which the id tells and each API spells its own way."""
    return {
        key: value
        for key, value in body.items()
        if key not in (*_COLUMNS, "type") and value not in (None, "")
    }


def bodies_and_children(azure: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is served, after the child resources that bodies carry: one that is served by itself comes last."""
    for body in azure.world.bodies.values():
        for record in iterate_children(body, ResourceId.parse(body["id"])):
            yield str(record.body["id"]).lower(), record.body
    yield from azure.world.bodies.items()


def differences(azure: Any, path: Any, wanted: set[str]) -> list[str]:
    """Where the snapshot and the served bodies of wanted types are not the same."""
    estate = resources.load([path])
    assert not estate.quarantine
    found = {
        key: plain(resource.body) for key, resource in estate.resources.items() if resource.type in wanted
    }
    served = {key: plain(body) for key, body in bodies_and_children(azure) if type_of(key) in wanted}
    wrong = [f"differs: {key}" for key in found.keys() & served.keys() if found[key] != served[key]]
    wrong += [f"missing: {key}" for key in served.keys() - found.keys()]
    return wrong + [f"invented: {key}" for key in found.keys() - served.keys()]


def busiest(azure: Any) -> str:
    count = Counter(ResourceId.parse(key).subscription for key in azure.world.bodies)
    del count[""]
    return count.most_common(1)[0][0]


def type_of(key: str) -> str:
    """The lower-cased type of an id."""
    return ResourceId.parse(key).type
