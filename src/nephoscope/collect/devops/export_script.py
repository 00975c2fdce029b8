"""The commands that record an organization with `gh`, `glab` or `az`, where nephoscope itself may have no token."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.devops.rest_listing import DevOpsPlatform, RestListing, build_recording_name

_HEAD = """#!/usr/bin/env bash
# Records what {title} tells about an organization, read-only, for:
#   nephoscope pipelines collect {name} ORGANIZATION --connector ID --from FOLDER
# usage: bash export.sh ORGANIZATION FOLDER
set -u
out="$2"

# save PATH FILE: an answer, or what the refusal says, into a file
save() {{
  mkdir -p "$out/$(dirname "$2")"
  {{ {ask}; }} > "$out/$2" < /dev/null || true
}}

# quoted TEXT: as one segment of a path
quoted() {{
  python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"
}}

# rows FILE ITEMS MEMBER...: the members of what a file lists, a row a line, tabs between
rows() {{
  python3 - "$out/$1" "${{@:2}}" <<'PY'
import json, sys
decoder, text, at, found = json.JSONDecoder(), open(sys.argv[1]).read().strip(), 0, []
while at < len(text):
    value, at = decoder.raw_decode(text, at)
    at += len(text[at:]) - len(text[at:].lstrip())
    found += value if isinstance(value, list) else value.get(sys.argv[2], [])
for row in found:
    print("\\t".join(str(row.get(member) or "") for member in sys.argv[3:]))
PY
}}

export {variable}="$(quoted "$1")"

"""
_ASK = {
    "github": 'gh api --paginate "$1"',
    "gitlab": 'glab api --paginate "$1"',
    "azure-devops": (
        'az rest --method get --resource 499b84ac-1321-427f-aa17-267ca6975798 --url "$3/$1" 2> "$out/.refusal" '
        '|| { python3 -c \'import json, sys; print(json.dumps({"message": sys.stdin.read()[:400], "typeKey": "refused"}))\' '
        '< "$out/.refusal"; }'
    ),
}
_VARIABLE = re.compile(r"\{(\w+)\}")


def render_export_script(platform: DevOpsPlatform) -> str:
    """Give a script for bash that records every answer of a platform under the name that a collection looks for."""
    head = _HEAD.format(
        title=platform.title, name=platform.name, variable=platform.variable, ask=_ASK[platform.name]
    )
    return head + "".join(f"{line}\n" for line in _list_request_lines(platform, platform.root, 0))


def _list_request_lines(platform: DevOpsPlatform, type_: str, depth: int) -> Iterator[str]:
    """The requests for a resource of a type and, in loops, for what lies below."""
    pad = "  " * depth
    for listing in platform.find_child_listings(type_):
        path, file = (
            _format_shell_path(listing.path),
            _format_shell_path(build_recording_name(_mark_variables(listing.path), listing.service)),
        )
        origin = platform.origins[listing.service].replace(
            "{" + platform.variable + "}", f"${{{platform.variable}}}"
        )
        yield f'{pad}save "{path}" "{file}" "{origin}"'
        if listing.binds:
            yield from _render_listing_loop(platform, listing, file, depth)


def _render_listing_loop(
    platform: DevOpsPlatform, listing: RestListing, file: str, depth: int
) -> Iterator[str]:
    pad = "  " * depth
    below = list(_list_request_lines(platform, listing.type, depth + 1))
    if not below:
        return
    names = " ".join(listing.binds)
    yield f"{pad}rows \"{file}\" {listing.items} {' '.join(listing.binds.values())} | while IFS=$'\\t' read -r {names}; do"
    for name in listing.binds:
        yield f'{pad}  {name}="$(quoted "${name}")"'
    yield from below
    yield f"{pad}done"


def _mark_variables(path: str) -> str:
    """The path with marks in place of variables, which no quoting changes."""
    return _VARIABLE.sub(r"_V_\1_V_", path)


def _format_shell_path(path: str) -> str:
    """The path with variables of the shell; `$top` of a query is none."""
    escaped = path.replace("$", "\\$")
    return re.sub(r"_V_(\w+?)_V_|\{(\w+)\}", lambda found: "${" + (found[1] or found[2]) + "}", escaped)
