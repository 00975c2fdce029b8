"""The list of orders: the newest that may be read, without what was collected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.agent.test_response import Person

from nephoscope.service.agents import READ
from nephoscope.service.response_orders import list_orders
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINE, OTHER = (
    f"/subscriptions/{one}/resourcegroups/rg/providers/microsoft.hybridcompute/machines/web01" for one in "ab"
)


def make_order(id_: str, machine: str, age: int) -> ResponseOrder:
    return ResponseOrder(
        id=id_, machine=machine, kind=ResponseKind.COLLECT, arguments={"path": "/x"}, justification="why", requester="ada",
        created=NOW - timedelta(minutes=age), expires=NOW, status=OrderStatus.SUCCEEDED,
    )  # fmt: skip


@pytest.fixture
def context(tmp_path: Path):
    with State.open_folder(tmp_path, "") as state:
        with as_product("test"), state.database.write() as session:
            for number in range(60):
                state.response_orders.put(session, make_order(f"other-{number}", OTHER, number), b"theirs")
            for number in range(3):
                state.response_orders.put(session, make_order(f"mine-{number}", MINE, 100 + number), b"mine")
        person = Person("ada", frozenset({READ}))
        person.is_permitted = lambda operation, scope="/": scope == MINE  # type: ignore[method-assign]
        yield ServiceContext(person, state, tmp_path, lambda: NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(("most", "found"), [(2, ["mine-0", "mine-1"]), (50, ["mine-0", "mine-1", "mine-2"])])
def test_orders_of_machines_out_of_reach_take_no_place(
    context: ServiceContext, most: int, found: list[str]
) -> None:
    assert [one.id for one in list_orders(context, most=most)] == found


def test_a_list_reads_no_content(context: ServiceContext) -> None:
    statements: list[str] = []
    event.listen(
        context.state.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    assert list_orders(context)
    (read,) = (one for one in statements if "FROM response_orders" in one)
    assert "response_orders.machine" in read
    assert "response_orders.content" not in read
    assert context.state.response_orders.read_content("mine-1") == b"mine"
