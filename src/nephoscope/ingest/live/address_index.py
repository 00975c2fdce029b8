"""Address index of the newest stored estate, for traffic analytics."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.estate.tenant_stores import build_version_mark, load_subscription_estate
from nephoscope.geolocation.provider import Geolocator

if TYPE_CHECKING:
    from nephoscope.ingest.logs.address_lookup import AddressLookup

#: Seconds between two looks for a newer estate.
_LOOK = 300.0


@dataclass
class EstateAddresses:
    """Safe for threads; gives None where no estate is stored. Raises StoreError for one that cannot be read."""

    data: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looked: float = float("-inf")
    _mark: str = ""
    _found: AddressLookup | None = None

    def __call__(self) -> AddressLookup | None:
        """The whereabouts of the newest estate, at most five minutes old."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK:
                self._refresh_index()
                self._looked = time.monotonic()
            return self._found

    def _refresh_index(self) -> None:
        from nephoscope.ingest.logs.address_lookup import AddressLookup

        mark = build_version_mark(self.data)
        if mark and mark != self._mark:
            self._found = AddressLookup(
                load_subscription_estate(self.data), places=Geolocator.open(self.data)
            )
            self._mark = mark
