"""Static files at addresses with a hash of their content, which a browser keeps without asking again.

One hash is of all files: scripts, fonts and icons name one another by relative addresses, and find the others of their release so.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
#: What browsers are told of what never changes, and of what may be another file tomorrow.
KEPT, ASKED = "public, max-age=31536000, immutable", "no-cache"
_HASH = re.compile("[0-9a-f]{16}")


@cache
def hash_files() -> str:
    """Return the hash of the names and contents of all static files."""
    found = hashlib.sha256()
    for file in sorted(one for one in FOLDER.rglob("*") if one.is_file()):
        found.update(f"{file.relative_to(FOLDER)} {file.stat().st_size}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def get_static_address(name: str) -> str:
    """Return the address at which a browser may keep a file."""
    return f"/static/{hash_files()}/{name}"


def get_cache_control(given: str) -> str:
    """Return how long a file may be kept that was asked for with a hash, `` = without one."""
    return KEPT if given == hash_files() else ASKED


class HashedFiles(StaticFiles):
    """Serves the files, below a hash and without one; what is asked for by the hash of another release is not kept."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer a request for a file."""
        given, _, rest = path.partition("/")
        name, given = (rest, given) if _HASH.fullmatch(given) else (path, "")
        answer = await super().get_response(name, scope)
        answer.headers["Cache-Control"] = get_cache_control(given)
        return answer
