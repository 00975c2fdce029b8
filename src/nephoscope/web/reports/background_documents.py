"""Documents that are made in the background: a page asks for one, says that it is being made, and offers it when it is done."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

#: How many documents of a snapshot are kept; the one that was asked for longest ago goes first.
KEPT = 20


class BackgroundDocuments:
    """The documents of a snapshot, made one after another by one thread and kept in memory; they go with the snapshot."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="documents")
        self._made: OrderedDict[Hashable, Future[bytes]] = OrderedDict()
        self._lock = Lock()

    def request(self, key: Hashable, make: Callable[[], bytes]) -> Future[bytes]:
        """Return the document of a key, which is made from now on where nobody asked for it before."""
        with self._lock:
            known = self._made.pop(key, None) or self._pool.submit(make)
            self._made[key] = known
            while len(self._made) > KEPT:
                self._made.popitem(last=False)[1].cancel()
        return known

    def read(self, key: Hashable, made: Future[bytes]) -> bytes:
        """Wait for a document that was asked for; one that could not be made raises why, once, and is made anew for who asks next."""
        try:
            return made.result()
        except BaseException:
            with self._lock:
                self._made.pop(key, None)
            raise
