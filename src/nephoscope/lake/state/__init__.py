"""What changes row by row beside the lake: workspaces, sources, leases, checkpoints; in SQLite or PostgreSQL, a file a concept."""

from nephoscope.lake.state.database import BusyError as BusyError
from nephoscope.lake.state.database import MissingError as MissingError
from nephoscope.lake.state.database import StateError as StateError
from nephoscope.lake.state.leases import Lease as Lease
from nephoscope.lake.state.leases import LeaseLostError as LeaseLostError
from nephoscope.lake.state.state import State as State

__all__ = ["BusyError", "Lease", "LeaseLostError", "MissingError", "State", "StateError"]
