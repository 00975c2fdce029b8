"""List the software of this host or of a mounted disk, and its vulnerabilities"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.inventory_options import InventoryOptions, add_keep_options
from nephoscope.cli.session.scan_output import PARTS, add_contents_options, to_inspection_options
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.state import StateError
from nephoscope.vulnerability.errors import DatabaseFileError

if TYPE_CHECKING:
    from nephoscope.cli.session.scan_output import InsideOptions
    from nephoscope.collect.scanning.examination import ExaminedPart


@click.command("inventory")
@click.argument("root", default="/", type=click.Path(exists=True, path_type=Path), metavar="[ROOT]")
@click.option("--vulnerabilities", is_flag=True, help="List vulnerabilities instead of packages.")
@click.option("--all-file-systems", is_flag=True, help="Include other mounted file systems below ROOT.")
@click.option(
    "--look-for", type=click.Choice(PARTS), multiple=True,
    help="Checks to run besides packages; may be repeated.",
)  # fmt: skip
@add_contents_options
@add_keep_options
@click.option(
    "--host", default="", metavar="NAME", help="With --keep: host that ROOT belongs to (default: this host)."
)
@click.pass_obj
def command(data: Path, /, root: Path, vulnerabilities: bool, all_file_systems: bool, look_for: tuple[ExaminedPart, ...],
            allowed: tuple[str, ...], denied: tuple[str, ...], host: str, **asked: Unpack[InsideOptions]) -> None:  # fmt: skip
    """List the packages below ROOT: this host, a mounted disk, an unpacked image, or a single file (a bill of
    materials or a lock file). Links are not followed; kernel and runtime file systems and container storage
    are skipped. Vulnerabilities come from imported advisories; packages without any advisory are not assessed.
    """
    from socket import gethostname

    from nephoscope.cli.session.inventory_options import store_scan
    from nephoscope.cli.session.scan_output import assess_contents, load_examination_context, show_examination
    from nephoscope.cli.session.vex_files import close_by_statements, read_statements
    from nephoscope.collect.malware.errors import MalwareRuleError
    from nephoscope.collect.scanning.examination_builder import examine_root
    from nephoscope.collect.scanning.root_scan import RootError, RootScan
    from nephoscope.service.examinations import describe_engines

    if look_for and root.is_file():
        raise click.UsageError("--look-for: ROOT is a file; use a folder")
    keeping, statements = InventoryOptions.parse(asked), read_statements(asked["vex"])
    around = load_examination_context(data, look_for, allowed, denied)
    try:
        wanted = describe_engines(data, look_for, around.now)
        found = examine_root(RootScan(root, one_file_system=not all_file_systems, looked_for=wanted), around)
        judged_by = to_inspection_options(asked, packages=not vulnerabilities)
        assessments = assess_contents(data, found.contents, judged_by, keeping.build_exempted_machine())
        assessments = close_by_statements(assessments, statements)
    except (RootError, DatabaseFileError, MalwareRuleError, StateError) as error:
        exit_with_usage_error(str(error))
    if keeping.keep:
        name = host or (gethostname() if root == Path("/") else "")
        store_scan(data, keeping.build_machine_scan(found.contents, name))
    show_examination(str(root), found, assessments, judged_by)
