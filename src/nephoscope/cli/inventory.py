"""List the software of this host, or of a disk that is mounted, and its vulnerabilities"""

from __future__ import annotations

from pathlib import Path

import click

from nephoscope.cli.session.inside import FORMATS

_SEVERITIES = ("Critical", "High", "Medium", "Low", "Negligible")


@click.command("inventory")
@click.argument(
    "root", default="/", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[ROOT]"
)
@click.option("--vulnerabilities", is_flag=True, help="List the vulnerabilities instead of the packages.")
@click.option(
    "--all-file-systems", is_flag=True, help="Look into other file systems that are mounted below too."
)
@click.option(
    "--fail-on",
    type=click.Choice(_SEVERITIES, case_sensitive=False),
    help="Exit 1 when a vulnerability is as severe.",
)
@click.option("--fail-on-unknown", is_flag=True, help="Exit 3 when a package was not assessed.")
@click.option(
    "--output", "-o", type=click.Choice(FORMATS), default="table", show_default=True,
    help="How it is shown; cyclonedx and spdx are bills of materials of the packages.",
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, root: Path, vulnerabilities: bool, all_file_systems: bool, fail_on: str | None, fail_on_unknown: bool,
            output: str) -> None:  # fmt: skip
    """List the packages below ROOT: of this host, of a disk that is mounted, of a folder that an image was unpacked to.

    Links are not followed, and folders of the kernel, of what runs and of the stores of container engines are passed over.
    Vulnerabilities are those of the advisories that were imported; packages that none speaks of are not assessed.
    """
    from nephoscope.cli.session.inside import Asked, assess, show_contents
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.collect.scanning.root_scan import RootError, RootScan, scan_root
    from nephoscope.vulnerability.errors import DatabaseFileError

    try:
        contents = scan_root(RootScan(root, one_file_system=not all_file_systems))
        assessments = assess(data, contents)
    except (RootError, DatabaseFileError) as error:
        usage_error(str(error))
    asked = Asked(output, not vulnerabilities, fail_on or "", fail_on_unknown)
    show_contents(str(root), contents, assessments, asked)
