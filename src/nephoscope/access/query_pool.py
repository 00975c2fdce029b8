"""Runs queries in threads of their own, so that they never take the threads of sign-in, pages, administration and ingestion.

A query whose client goes away is cancelled. Query threads give way to the others: the system runs them at a lower priority.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nephoscope.access.query_queue import QueryCounts, QueryLimits, QueryQueue
from nephoscope_kql.cancellation import Cancellation, run_with_cancellation
from nephoscope_kql.engines.resource_limits import share_limits

T = TypeVar("T")
#: Receives the next message of a connection, as ASGI has it.
Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
#: Steps of the system's priority by which query threads are behind the others.
BEHIND = 4
THREAD_NAME = "query"


class ClientGoneError(Exception):
    """The client has gone away before its query had an answer."""


@dataclass
class QueryPool:
    """Threads for queries, as many as may run at once; `close` cancels what runs."""

    limits: QueryLimits = field(default_factory=QueryLimits)
    _queue: QueryQueue = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _running: set[Cancellation] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._queue = QueryQueue(self.limits)
        self._threads = ThreadPoolExecutor(
            self.limits.total, thread_name_prefix=THREAD_NAME, initializer=_lower_priority
        )

    async def run(self, principal: str, query: Callable[[], T], receive: Receive) -> T:
        """Run a query of a principal in its turn; `receive` tells when its client goes away, which cancels it.

        TooManyQueriesError where it does not get its turn, ClientGoneError where its client is gone.
        """
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            await self._wait_for_turn(principal, gone)
            cancellation = Cancellation()
            running = self._begin_query(principal, query, cancellation)
            try:
                return await self._wait_unless_gone(asyncio.wrap_future(running), gone)
            except BaseException:
                cancellation.cancel()
                raise
        finally:
            gone.cancel()

    def counts(self) -> QueryCounts:
        """Return how many queries run, wait, were refused and were cancelled."""
        return self._queue.counts()

    def close(self) -> None:
        """Cancel what runs, and wait for it to end."""
        for one in list(self._running):
            one.cancel()
        self._threads.shutdown(wait=True)

    async def _wait_for_turn(self, principal: str, gone: asyncio.Future[None]) -> None:
        """Wait for the turn of a principal; where the request ends meanwhile, give back the place that it may have got.

        A cancelled task may still end well (asyncio.wait_for in Python 3.11 passes over it), so only its end tells whether it has one.
        """

        def release_query_slot(entered: asyncio.Future[None]) -> None:
            if not entered.cancelled() and entered.exception() is None:
                self._queue.leave(principal)

        entering = asyncio.ensure_future(self._queue.enter(principal))
        try:
            await self._wait_unless_gone(entering, gone)
        except BaseException:
            entering.add_done_callback(release_query_slot)
            raise

    async def _wait_unless_gone(self, waited: asyncio.Future[T], gone: asyncio.Future[None]) -> T:
        """Wait for one of two; ClientGoneError where it is the client that went away."""
        either: set[asyncio.Future[Any]] = {waited, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not waited.done():
                waited.cancel()
        if waited.cancelled() or not waited.done():
            with suppress(asyncio.CancelledError):
                await waited
            self._queue.cancelled += 1
            raise ClientGoneError
        return waited.result()

    def _begin_query(self, principal: str, query: Callable[[], T], cancellation: Cancellation) -> Future[T]:
        """Begin a query in a thread; its place is free again when the thread is, whoever waits for it."""
        context = copy_context()

        def run() -> T:
            with run_with_cancellation(cancellation), share_limits(self.counts().running):
                return query()

        def finish(_: Future[T]) -> None:
            self._running.discard(cancellation)
            self._queue.leave(principal)

        self._running.add(cancellation)
        try:
            future = self._threads.submit(context.run, run)
        except BaseException:
            self._running.discard(cancellation)
            self._queue.leave(principal)
            raise
        future.add_done_callback(finish)
        return future


async def _wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone away; what else it sends is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _lower_priority() -> None:
    """Lower the priority of this thread: Linux has one for each thread, and gives it to those that a thread starts."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox that forbids it: queries run beside the others then
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND)
