"""The calls of the services of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.service.calls import CONTRIBUTORS, Call

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.service import agents

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000002/resourceGroups/dc1"

#: Roles that may do what machines do.
REPORTERS = CONTRIBUTORS | {"Machine Agent"}


def _guard(context: ServiceContext) -> Guard:
    return Guard(context.state, lambda: Hierarchy({}))


def _create(context: ServiceContext) -> None:
    agents.create_enrolment(context, _guard(context), "web", GROUP)


AGENT_CALLS = {
    "make a code for machines": Call(lambda context, _: _create(context), CONTRIBUTORS, workspace=False),
    "read the program of machines": Call(
        lambda context, _: agents.read_program(context, "p"), REPORTERS, workspace=False
    ),
}
