"""Scope picker choices of every page, cached per published snapshot and visibility."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

SUBSCRIPTIONS = "Microsoft.Resources/subscriptions/read"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"


def render_scope_choices(visit: Visit) -> Markup:
    """The options of the scopes that a visitor may choose, the one that the address asks for selected."""
    if visit.snapshot is None:
        return _write_options(visit)
    # what a visitor sees decides the key: nobody gets choices that were written for one who sees something else
    reach = visit.caller.find_reach
    key = (__name__, reach(SUBSCRIPTIONS), reach(GROUPS))
    written = visit.snapshot.get_or_compute(key, lambda: _write_options(visit))
    return _select_option(written, visit.get_query_value("scope"))


def _write_options(visit: Visit) -> Markup:
    tags = ((f"tag:{one}", one) for one in visit.tags)
    return Markup("").join(
        [
            Markup('<option value="">{}</option>').format(
                _format_subscription_count(len(visit.subscriptions))
            ),
            _render_group("Management groups", visit.management_groups.items()),
            _render_group("Subscriptions", visit.subscriptions.items()),
            _render_group("Tags of subscriptions and resource groups", tags),
        ]
    )


def _format_subscription_count(count: int) -> str:
    return "1 subscription" if count == 1 else f"All {count} subscriptions"


def _render_group(title: str, scopes: Iterable[tuple[str, str]]) -> Markup:
    options = Markup("").join(Markup('<option value="{}">{}</option>').format(*one) for one in scopes)
    return Markup('<optgroup label="{}">{}</optgroup>').format(title, options) if options else options


def _select_option(written: Markup, scope: str) -> Markup:
    plain = f'<option value="{escape(scope)}">'
    return Markup(str(written).replace(plain, f"{plain[:-1]} selected>", 1))  # noqa: S704 - both were escaped
