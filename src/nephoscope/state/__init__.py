"""State that changes row by row beside the lake: workspaces, sources, leases, checkpoints; in SQLite or PostgreSQL, a file a concept.

The names are imported when they are first asked for: a module that needs a noun of the state does not load the database.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.state.database.database import DatabaseBusyError
    from nephoscope.state.database.state_errors import NotFoundError, StateError
    from nephoscope.state.leases.leases import Lease, LeaseLostError
    from nephoscope.state.state import State

__all__ = ["DatabaseBusyError", "Lease", "LeaseLostError", "NotFoundError", "State", "StateError"]
_MODULES = {
    "DatabaseBusyError": "database.database",
    "Lease": "leases.leases",
    "LeaseLostError": "leases.leases",
    "NotFoundError": "database.state_errors",
    "State": "state",
    "StateError": "database.state_errors",
}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found
