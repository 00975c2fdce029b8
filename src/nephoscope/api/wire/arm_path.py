"""Paths of ARM as templates: literals in any case, `{name}` for a segment, `{scope}` for any resource, group, subscription or none.

Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from nephoscope_policy.model.resource_id import ResourceId

#: Parameters of templates that stand for the id of anything, none or several segments long, and the one for all that follows.
SCOPES = frozenset({"scope", "resourceId", "resourceScope"})
REST = "rest"
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class PathTemplate:
    """A path such as `/subscriptions/{subscriptionId}/providers/Microsoft.Security/pricings/{pricingName}`."""

    text: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        made = []
        for segment in self.text.strip("/").split("/"):
            parameter = _PARAMETER.fullmatch(segment)
            if parameter is None:
                pieces = _PARAMETER.split(segment)
                made.append("/" + "".join(_encode_piece(one, at) for at, one in enumerate(pieces)))
            elif parameter[1] in SCOPES:
                made.append(f"(?P<{parameter[1]}>(?:/[^/]+)*?)")
            elif parameter[1] == REST:
                made.append(f"/(?P<{REST}>.+?)")
            else:
                made.append(f"/(?P<{parameter[1]}>[^/]+)")
        return re.compile("".join(made) + "/?", re.IGNORECASE)

    def match(self, path: str) -> dict[str, str] | None:
        """The values of the parameters in a path, None where it is another."""
        found = self._pattern.fullmatch(path)
        return None if found is None else found.groupdict()

    @cached_property
    def rank(self) -> tuple[int, int, str]:
        """Sort key: of templates that fit one path the one with the most literals is meant."""
        segments = self.text.strip("/").split("/")
        literal = sum(not _PARAMETER.search(one) for one in segments)
        return (-literal, len(segments), self.text)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(_PARAMETER.findall(self.text))


def _encode_piece(text: str, at: int) -> str:
    """A part of a segment: every second one is a parameter inside it, as in `tables('{name}')`."""
    return f"(?P<{text}>[^/]+?)" if at % 2 else re.escape(text)


def parse_scope(path: str) -> str:
    """Return what a path is about, lower-cased: what stands before its last provider, else the whole of it as far as
    it is a container."""
    lowered = path.lower().rstrip("/")
    before, provider, _ = lowered.rpartition("/providers/")
    if provider:
        return before or "/"
    parts = lowered.split("/")
    if len(parts) > 2 and parts[1] == "subscriptions":
        whole = 5 if len(parts) > 4 and parts[3] == "resourcegroups" else 3
        return "/".join(parts[:whole])
    return "/"


def find_requested_type(path: str) -> str:
    """The lower-cased type of what a path names, or lists; '' where it names none."""
    wanted = path.lower().rstrip("/")
    for one in (wanted, f"{wanted}/x"):
        try:
            return ResourceId.parse(one).type
        except ValueError:
            continue
    return ""
