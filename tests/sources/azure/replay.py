"""What the tests of the collector share: signing in to the loopback Azure, collecting, comparing."""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

from nephoscope.model.resource_id import ResourceId
from nephoscope.sources import resources
from nephoscope.sources.azure.cloud import Cloud
from nephoscope.sources.azure.collector import Collection, Collector
from nephoscope.sources.azure.settings import Settings

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


def settings(azure: Any, **options: Any) -> Settings:
    cloud = Cloud("loopback", azure.origin, azure.origin, azure.origin, azure.origin)
    return Settings(cloud=cloud, sign_in=sign_in(azure), **options)


def collect(azure: Any, needs: Any, out: Any, **options: Any) -> Collection:
    return Collector(settings(azure, **options), needs, out).run()


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what only Resource Graph adds; types differ in case between the APIs."""
    return {
        key: (value.lower() if key == "type" else value)
        for key, value in body.items()
        if key not in _COLUMNS and value not in (None, "")
    }


def differences(azure: Any, path: Any, wanted: set[str]) -> list[str]:
    """Where the snapshot and the served bodies of wanted types are not the same."""
    estate = resources.load([path])
    assert not estate.quarantine
    found = {
        key: plain(resource.body) for key, resource in estate.resources.items() if resource.type in wanted
    }
    served = {
        key: plain(body) for key, body in azure.world.bodies.items() if ResourceId.parse(key).type in wanted
    }
    wrong = [f"differs: {key}" for key in found.keys() & served.keys() if found[key] != served[key]]
    wrong += [f"missing: {key}" for key in served.keys() - found.keys()]
    return wrong + [f"invented: {key}" for key in found.keys() - served.keys()]


def busiest(azure: Any) -> str:
    count = Counter(ResourceId.parse(key).subscription for key in azure.world.bodies)
    del count[""]
    return count.most_common(1)[0][0]
