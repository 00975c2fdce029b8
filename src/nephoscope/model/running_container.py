"""A container that runs: the image that it is of, and the workload of a cluster that it belongs to."""

from __future__ import annotations

from typing import NamedTuple


class RunningContainer(NamedTuple):
    """A container by its image, a digest or a name; '' for what is not known of the workload that runs it."""

    image: str
    container: str = ""
    namespace: str = ""
    workload_kind: str = ""
    workload: str = ""
