"""File descriptors: raise the process limit and reserve some for the lake and the state.

Every connection is an open file: where connections take the last one, nothing can be written any more.
"""

from __future__ import annotations

import resource

#: More than any server needs; some systems set no limit at all.
_MOST = 1 << 20
#: Of the files that may be open, a share is kept for what is no connection, and so many at most.
_KEPT_SHARE, _KEPT_MOST = 4, 1024


def raise_limit() -> int:
    """Raise the soft limit of this process to the hard one; how many files may be open now."""
    soft, hard = (
        _MOST if one == resource.RLIM_INFINITY else one for one in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    wanted = max(soft, min(hard, _MOST))
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return wanted


def compute_connection_limit(limit: int) -> int:
    """Count how many of the files that may be open connections may take."""
    return limit - min(limit // _KEPT_SHARE, _KEPT_MOST)


#: The key of the error that files run short.
DESCRIPTORS = "descriptors"


def explain_descriptor_shortage(connections: int) -> str:
    """'' where so many connections can be open, else what is wrong and what to do; raises the limit first."""
    limit = raise_limit()
    if compute_connection_limit(limit) >= connections:
        return ""
    return (
        f"{connections} connections are allowed, but this process may open {limit} files only, "
        f"of which {compute_connection_limit(limit)} may "
        "be connections: raise the limit (LimitNOFILE= of the systemd unit, --ulimit nofile= of the container, ulimit -Hn)"
    )
