"""Templates: escaped, strict about undefined values, with shared functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from nephoscope import __version__
from nephoscope.model.resource_names import shorten_ids, shorten_name
from nephoscope.web.rendering import (
    charts,
    display_names,
    formatting,
    resolved_names,
    section_cells,
    time_elements,
)
from nephoscope.web.rendering.condition_labels import cite_conditions, humanize_conditions
from nephoscope.web.rendering.control_characters import show_control_characters
from nephoscope.web.rendering.entity_names import describe_entity, get_entity_icon, get_entity_path
from nephoscope.web.rendering.icons import draw_icon
from nephoscope.web.rendering.readable_text import humanize_choice, humanize_member, humanize_members
from nephoscope.web.rendering.resource_type_names import name_type
from nephoscope.web.rendering.role_scopes import describe_place
from nephoscope.web.rendering.scope_picker import render_scope_choices
from nephoscope.web.rendering.suppression_choices import describe
from nephoscope.web.rendering.template_bytecode import RuntimeCodeGenerator, TemplateBytecodeCache
from nephoscope.web.static_files import get_static_address
from nephoscope.web.style_sheet import get_style_address
from nephoscope.web.visits.request_context import FIRST_PAGE, KEPT, SPANS


@cache
def build_environment() -> Environment:
    """The templates of the package."""
    made = Environment(
        loader=PackageLoader("nephoscope.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,
    )
    made.code_generator_class = RuntimeCodeGenerator
    made.globals.update(
        charts=charts,
        spans=SPANS,
        kept=KEPT,
        first_page=FIRST_PAGE,
        dropped=_drop_ticks,
        version=__version__,
        choices=render_scope_choices,
        placed=describe_place,
        scoped=section_cells.name_scopes,
        icon=draw_icon,
        entity_icon=get_entity_icon,
        entity_path=get_entity_path,
        entity_words=describe_entity,
        style_address=get_style_address,
        static=get_static_address,
        state_words={state.value: word for state, word in formatting.STATES.items()},
        now=lambda: datetime.now(UTC),
    )
    _add_filters(made)
    made.bytecode_cache = TemplateBytecodeCache(made)
    return made


def _add_filters(made: Environment) -> None:
    """Add the filters of the templates."""
    made.filters.update(
        whole=formatting.format_integer,
        counted=formatting.count_text,
        caused=formatting.describe_cause_or_state,
        coded=formatting.format_code,
        share=formatting.format_share,
        ago=time_elements.format_age,
        cell=time_elements.render_cell,
        shown=section_cells.format_cell,
        plainly=section_cells.format_cell_title,
        worded=humanize_members,
        headed=section_cells.name_words,
        lasting=formatting.format_duration,
        spelled=formatting.spell_duration,
        ports=formatting.format_ports,
        short=shorten_name,
        brief=shorten_ids,
        kind=formatting.name_kind,
        moment=time_elements.render_moment,
        tactics=display_names.format_tactics,
        called=display_names.replace_ids,
        path=display_names.add_line_break_hints,
        titled=resolved_names.replace_ids_in_title,
        finding=formatting.format_finding,
        initial=formatting.capitalize_first_letter,
        member=humanize_member,
        choice=humanize_choice,
        unmet=formatting.format_unmet_title,
        conditions=describe,
        condition_words=humanize_conditions,
        cited_conditions=cite_conditions,
        reason=formatting.describe_suppression_reason,
        type_name=name_type,
        suppression_state=formatting.describe_suppression_state,
    )


def _drop_ticks(tick: str) -> dict[str, None]:
    """Return what the address of an action drops: what was ticked before, which the form itself sends."""
    return dict.fromkeys((tick, "done"))


def draw_template(template: str, **given: object) -> str:
    """A template filled; characters that would reorder or hide text are shown by their numbers."""
    return show_control_characters(build_environment().get_template(template).render(**given))


def show_navigation(
    areas: Callable[[], Sequence[tuple[str, Sequence[object]]]], entry_of: Callable[[str], str]
) -> None:
    """Give the templates the navigation: its parts, each with its pages, and the path of the entry that a page belongs to."""
    build_environment().globals.update(areas=areas, entry_of=entry_of)
