"""Write the generated reference pages; `--check` says which differ and exits 1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

DOCS = Path(__file__).parent


def commands() -> str:
    """The page of every command with its help, as the program prints it."""
    from nephoscope.cli.main import cli

    lines = ["# Commands", "", "Generated from the program by `make docs`.", ""]
    context = click.Context(
        cli, info_name="nephoscope", max_content_width=100, terminal_width=100, **cli.context_settings
    )
    lines += ["## nephoscope", "", "```", cli.get_help(context), "```", ""]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        lines += _section(command, name, context, 2)
    return "\n".join(lines).rstrip() + "\n"


def _section(command: click.Command, name: str, parent: click.Context, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    title = context.command_path.removeprefix("nephoscope ")
    lines = [f"{'#' * level} {title}", "", "```", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            lines += _section(found, child, context, level + 1)
    return lines


def pages() -> dict[str, Callable[[], str]]:
    """The generated pages by path under docs/."""
    sys.path.insert(0, str(DOCS))
    from azure_coverage import page as azure_operations
    from decision_index import page as decisions

    from nephoscope.admin.wire.reference_page import render_page as own_api
    from nephoscope.alerts.library.attack_coverage_reference_page import render_page as attack_coverage
    from nephoscope.alerts.library.defender_plan_reference_page import render_page as defender_plans
    from nephoscope.alerts.library.hunting_reference_page import render_page as hunting
    from nephoscope.alerts.library.rule_reference_page import render_page as detections
    from nephoscope.analyze.reference_page import render_page as analyzers
    from nephoscope.api.wire.reference_page import render_page as api
    from nephoscope.collect.inventory.reference_page import render_page as inventory
    from nephoscope.collect.sbom.reference_page import render_page as bills_of_materials
    from nephoscope.collect.scanning.reference_page import render_page as image_rules
    from nephoscope.collect.templates.terraform.reference_page import render_page as terraform
    from nephoscope.ingest.live.reference_page import render_page as sources
    from nephoscope.ingest.logs.reference_page import render_page as log_formats
    from nephoscope.lake.schema.reference_page import render_page as tables
    from nephoscope.posture.attack_paths.reference_page import render_page as attack_paths
    from nephoscope.posture.code.reference_page import render_page as code_rules
    from nephoscope.posture.policies.policy_reference_page import render_page as policies
    from nephoscope.protect.baseline.baseline_reference_page import render_page as linux_baseline
    from nephoscope.vulnerability.reference_page import render_page as vulnerability_feeds
    from nephoscope.vulnerability.scanner_results.reference_page import render_page as scanner_results
    from nephoscope_kql.plugin_reference_page import render_page as kql_plugins
    from nephoscope_kql.reference_page import render_page as kql_functions
    from nephoscope_policy.arm.reference_page import render_page as arm_functions
    from nephoscope_policy.azure_facts_reference_page import render_page as azure_facts

    return {
        "decisions/README.md": decisions,
        "reference/commands.md": commands,
        "reference/analyzers.md": analyzers,
        "reference/api.md": api,
        "reference/own-api.md": own_api,
        "reference/azure-facts.md": azure_facts,
        "reference/azure-operations.md": azure_operations,
        "reference/attack-coverage.md": attack_coverage,
        "reference/attack-paths.md": attack_paths,
        "reference/bills-of-materials.md": bills_of_materials,
        "reference/image-rules.md": image_rules,
        "reference/code-rules.md": code_rules,
        "reference/defender-plans.md": defender_plans,
        "reference/detections.md": detections,
        "reference/hunting-queries.md": hunting,
        "reference/arm-functions.md": arm_functions,
        "reference/kql-plugins.md": kql_plugins,
        "reference/kql-functions.md": kql_functions,
        "reference/policies.md": policies,
        "reference/inventory.md": inventory,
        "reference/vulnerability-feeds.md": vulnerability_feeds,
        "reference/scanner-results.md": scanner_results,
        "reference/linux-baseline.md": linux_baseline,
        "reference/log-formats.md": log_formats,
        "reference/sources.md": sources,
        "reference/tables.md": tables,
        "reference/terraform.md": terraform,
    }


def main() -> int:
    """Write the pages, or with --check compare them."""
    stale = []
    for name, make in pages().items():
        path, text = DOCS / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(("differs: " if "--check" in sys.argv else "written: ") + name)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
