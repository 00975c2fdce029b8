"""The `nephoscope` command: finds its sub-commands by scanning this folder and imports only the one that runs."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from pathlib import Path

import click

from nephoscope import __version__, operations
from nephoscope.cli.session.platform_support import explain_unsupported_system

_FOLDER = Path(__file__).parent
USAGE, NOT_JUDGED = 2, 3
#: As a shell tells of the signals SIGINT, SIGPIPE and SIGTERM.
INTERRUPTED, READER_GONE, TERMINATED = 130, 141, 143


class ReaderGoneError(Exception):
    """Whoever read the output (head, less) went away before its end."""


class Commands(click.Group):
    """A group whose commands are the modules beside this file, which export `command`, and files of operations that have one.

    The first line of a file's docstring is the short help.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The command names, sorted."""
        return sorted(_index_command_files())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None where there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name != "version" and (why := explain_unsupported_system()):
            click.echo(f"nephoscope: {why}", err=True)
            ctx.exit(USAGE)
        if _index_command_files()[cmd_name].parent == _FOLDER:
            command: click.Command = importlib.import_module(f"nephoscope.cli.{cmd_name}").command
            return command
        from nephoscope.cli.session.operation_commands import build_command
        from nephoscope.operations.declaration.discovery import load_operation_group

        return build_command(load_operation_group(cmd_name))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C and a reader that went away never end with click's 1, which would say that there are findings."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        except KeyboardInterrupt:
            ctx.exit(_compute_interrupted_code())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing any of them, so that --help stays fast."""
        rows = [(name, _read_summary(path)) for name, path in sorted(_index_command_files().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _index_command_files() -> dict[str, Path]:
    """The file of each command; one beside this file goes before operations of its name."""
    folders = [Path(one) for one in operations.__path__]
    found = [path for folder in (*folders, _FOLDER) for path in folder.glob("*.py")]
    return {path.stem: path for path in found if path.stem not in {"__init__", "main"}}


def _read_summary(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().strip().strip('"').rstrip(".")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="NEPHOSCOPE_DATA",
    default=Path(".nephoscope"),
    show_default=True,
    help="Data folder: lake, estate, imported content and history.",
)
@click.option(
    "--state",
    envvar="NEPHOSCOPE_STATE",
    show_envvar=True,
    metavar="URL",
    help=(
        "Database for workspaces, sources and leases: postgresql://... (default: state.db in the "
        "data folder)."
    ),
)
@click.version_option(__version__, prog_name="nephoscope")
@click.pass_context
def cli(ctx: click.Context, data: Path, state: str | None) -> None:  # noqa: ARG001 - read by the commands
    """Assess the security of an Azure estate offline: secure score, recommendations and remediation. Start
    with: nephoscope scan sample:
    """
    ctx.obj = data


def main() -> None:
    """Run the command and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate_command)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = _run_command()
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends already, and with the code that it has
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written and closed. Tearing the process down instead takes time with a large estate in memory, and now and then
    # the engines' own threads abort it then, which would hide the exit code.
    os._exit(code)


def _terminate_command(*_: object) -> None:
    """End as by sys.exit: what was opened is closed and temporary folders go, which a second signal does not break off."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(TERMINATED)


def _compute_interrupted_code() -> int:
    """The exit code of what a signal ended; an engine tells of SIGTERM as of Ctrl-C, but SIGTERM is ignored from its first on."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        return TERMINATED
    click.echo("nephoscope: interrupted", err=True)
    return INTERRUPTED


def _run_command() -> int:
    """Run the command; its exit code. Neither click's nor Python's own 1, which would say that a finding is over the threshold."""
    try:
        found = cli.main(prog_name="nephoscope", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else USAGE
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return _compute_interrupted_code()
    except (ReaderGoneError, BrokenPipeError):
        # What is still buffered has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except OSError as error:
        click.echo(f"nephoscope: {_format_os_error(error)}", err=True)
        return USAGE
    except Exception:  # noqa: BLE001 - the last resort
        import traceback

        traceback.print_exc()
        click.echo("nephoscope: internal error, the command did not finish", err=True)
        return NOT_JUDGED
    return found if isinstance(found, int) else 0


def _format_os_error(error: OSError) -> str:
    """The file, what is wrong with it, and what to do, where the system names a file."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f"{error.filename}: " if error.filename else ""
        return (
            f"{place}the disk is full: free some space and run the command again; ingested data is preserved"
        )
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror.lower()}; nephoscope needs read and write access"


if __name__ == "__main__":
    main()
