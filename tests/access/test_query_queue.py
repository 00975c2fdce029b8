"""Queries take their turn: so many at once, fairly among principals; what is over is refused, and who goes away frees its place."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest

from nephoscope.access.query_pool import ClientGoneError, QueryPool
from nephoscope.access.query_queue import QueryCounts, QueryLimits, TooManyQueriesError
from nephoscope_kql.cancellation import CancelledError
from nephoscope_kql.deadline import check_deadline


class Client:
    """The other end of a connection: stays until `leave`."""

    def __init__(self):
        self._left = asyncio.Event()

    async def receive(self):
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self):
        self._left.set()


class Query:
    """A query that runs until it is told to end, or is cancelled."""

    def __init__(self, name=""):
        self.name, self.began, self.over, self.ended = name, threading.Event(), threading.Event(), None

    def __call__(self):
        self.began.set()
        try:
            while not self.over.wait(0.01):
                check_deadline()
        except CancelledError as error:
            self.ended = error
            raise
        return self.name


@contextmanager
def pool(**limits):
    made = QueryPool(QueryLimits(**limits))
    try:
        yield made
    finally:
        made.close()


async def begun(query):
    await asyncio.to_thread(query.began.wait)


async def settled(made, **wanted):
    """Wait until so many queries run and wait."""
    while any(getattr(made.counts(), name) != value for name, value in wanted.items()):
        await asyncio.sleep(0.001)


def test_a_principal_runs_so_many_at_once_others_wait_and_what_is_over_is_refused():
    async def scenario(made):
        client, queries = Client(), [Query(str(number)) for number in range(6)]
        tasks = [asyncio.create_task(made.run("ada", one, client.receive)) for one in queries[:5]]
        for one in queries[:4]:
            await begun(one)
        await settled(made, running=4, waiting=1)
        with pytest.raises(TooManyQueriesError) as refused:
            await made.run("ada", queries[5], client.receive)
        assert refused.value.again > 0
        assert not queries[4].began.is_set()
        queries[0].over.set()
        await begun(queries[4])
        for one in queries:
            one.over.set()
        assert await asyncio.gather(*tasks) == ["0", "1", "2", "3", "4"]
        assert made.counts() == QueryCounts(0, 0, 1, 0)

    with pool(total=8, per_principal=4, waiting=1) as made:
        asyncio.run(scenario(made))


def test_another_principal_comes_before_the_next_of_one_that_has_its_share():
    async def scenario(made):
        client, order = Client(), []

        def noting(name):
            return lambda: order.append(name)

        first = Query()
        tasks = [asyncio.create_task(made.run("ada", first, client.receive))]
        await begun(first)
        second = Query()
        tasks.append(asyncio.create_task(made.run("ada", second, client.receive)))
        await begun(second)
        for number in range(3):
            tasks.append(asyncio.create_task(made.run("ada", noting(f"ada {number}"), client.receive)))
            await settled(made, waiting=number + 1)
        tasks.append(asyncio.create_task(made.run("bo", noting("bo"), client.receive)))
        await settled(made, waiting=4)
        first.over.set()
        await settled(made, waiting=0)
        second.over.set()
        await asyncio.gather(*tasks)
        assert order == ["bo", "ada 0", "ada 1", "ada 2"]

    with pool(total=2, per_principal=2, waiting=10) as made:
        asyncio.run(scenario(made))


def test_a_query_whose_client_is_gone_ends_and_frees_its_place():
    async def scenario(made):
        leaving, staying = Client(), Client()
        first, second = Query(), Query("second")
        gone = asyncio.create_task(made.run("ada", first, leaving.receive))
        await begun(first)
        waiting = asyncio.create_task(made.run("ada", second, staying.receive))
        await settled(made, running=1, waiting=1)
        leaving.leave()
        with pytest.raises(ClientGoneError):
            await gone
        await begun(second)
        assert isinstance(first.ended, CancelledError)
        second.over.set()
        assert await waiting == "second"
        assert made.counts() == QueryCounts(0, 0, 0, 1)

    with pool(total=1, per_principal=1) as made:
        asyncio.run(scenario(made))


def test_a_query_that_waits_gives_its_place_in_the_line_up_when_its_client_goes():
    async def scenario(made):
        leaving, staying = Client(), Client()
        first, second = Query(), Query()
        running = asyncio.create_task(made.run("ada", first, staying.receive))
        await begun(first)
        waiting = asyncio.create_task(made.run("ada", second, leaving.receive))
        await settled(made, waiting=1)
        leaving.leave()
        with pytest.raises(ClientGoneError):
            await waiting
        await settled(made, running=1, waiting=0)
        assert not second.began.is_set()
        first.over.set()
        await running

    with pool(total=1, per_principal=1) as made:
        asyncio.run(scenario(made))


@pytest.mark.parametrize("order", ["admitted, ended", "ended, admitted"])
@pytest.mark.parametrize("end", ["client", "request"])
@pytest.mark.parametrize("turns", range(7))
def test_a_query_that_is_admitted_while_its_request_ends_keeps_no_place(turns, end, order):
    """`turns` of the event loop lie between its admission and the end of the request."""

    async def run():
        queue = made._queue
        await queue.enter("other")
        client = Client()
        waiting = asyncio.ensure_future(made.run("me", lambda: None, client.receive))
        await settled(made, waiting=1)
        steps = [lambda: queue.leave("other"), client.leave if end == "client" else waiting.cancel]
        first, second = steps if order == "admitted, ended" else reversed(steps)
        first()
        for _ in range(turns):
            await asyncio.sleep(0)
        second()
        await asyncio.gather(waiting, return_exceptions=True)
        await settled(made, running=0, waiting=0)

    with pool(total=1, per_principal=1) as made:
        asyncio.run(asyncio.wait_for(run(), 30))


def test_who_waits_too_long_is_refused():
    async def scenario(made):
        client, first = Client(), Query()
        running = asyncio.create_task(made.run("ada", first, client.receive))
        await begun(first)
        with pytest.raises(TooManyQueriesError, match="waited"):
            await made.run("ada", Query(), client.receive)
        first.over.set()
        await running

    with pool(total=1, per_principal=1, seconds=0.01) as made:
        asyncio.run(scenario(made))


def test_a_query_that_fails_frees_its_place():
    def fails():
        raise ValueError("no")

    async def scenario(made):
        client = Client()
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await made.run("ada", fails, client.receive)
        await settled(made, running=0)

    with pool(total=1, per_principal=1) as made:
        asyncio.run(scenario(made))


def test_closing_cancels_what_runs():
    async def scenario(made):
        first = Query()
        running = asyncio.create_task(made.run("ada", first, Client().receive))
        await begun(first)
        await asyncio.to_thread(made.close)
        with pytest.raises(CancelledError):
            await running

    with pool() as made:
        asyncio.run(scenario(made))
