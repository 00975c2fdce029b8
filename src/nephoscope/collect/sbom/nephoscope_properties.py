"""Our own properties of components in bills."""

from __future__ import annotations

#: What stands before their names.
OWN = "nephoscope:package:"
