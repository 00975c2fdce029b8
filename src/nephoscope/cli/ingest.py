"""Take log files into the lake: files, folders, globs, standard input."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.ingestion import Ingestion, Tally
    from nephoscope.sources.logs.whereabouts import Whereabouts

STDIN = "-"
_REASONS = 20
_YOUNG = 5.0
"""Seconds in which the folder of another process may not be locked yet."""
_NAMES = 3


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--table",
    "-t",
    default="",
    metavar="NAME",
    help="The table that the rows are for, where they do not say it.",
)
@click.option(
    "--format", "-f", "form", default="auto", show_default=True, metavar="auto|NAME",
    help="The format; auto recognises each record by itself. --format list prints the names.",
)  # fmt: skip
@click.option(
    "--workspace",
    "-w",
    default="default",
    show_default=True,
    metavar="NAME",
    help="The workspace of the lake.",
)
@click.option(
    "--again", is_flag=True, help="Take content in that was taken in before: its rows are then there twice."
)
@click.option(
    "--destination", type=click.Choice(("both", "dedicated", "azure-diagnostics")), default="both", show_default=True,
    help="Where resource logs go that Azure can write to tables of their own or to AzureDiagnostics.",
)  # fmt: skip
@click.option(
    "--analytics/--no-analytics",
    default=True,
    show_default=True,
    help="Where an estate was collected: join flow logs with it into traffic analytics (NTANetAnalytics).",
)
@click.option(
    "--zone",
    default="UTC",
    show_default=True,
    metavar="NAME",
    help="The time zone of syslog times that name none.",
)
@click.option(
    "--encoding",
    default="cp1252",
    show_default=True,
    metavar="NAME",
    help="The code page of text that is not UTF-8; utf-8: it is set aside.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="How the summary is shown.",
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, paths: tuple[str, ...], form: str, **options: Any) -> None:
    """Take PATHs into the lake: files, folders, globs, or - for standard input; .gz, .zst and .zip are opened.

    `sample:` is the sample company's logs of the last 30 days, made by a seed: `sample:days=7,seed=2,users=500,start=2026-11-01`;
    `attack=NAME` lays a staged attack over the last day.

    The same content again adds nothing, whatever its name; an interrupted load goes on where it stopped. What cannot be read is put
    into the table _Quarantine with its place and the reason, and the rest goes on. Exit code 3 says that there was something.

    \b
    nephoscope ingest insights-logs-flowlogflowevent/
    nephoscope ingest 'exports/*.json.gz' --table SigninLogs
    nephoscope ingest sample:
    """
    from nephoscope.sources.logs.discovery import FormatError, formats

    try:
        chosen = formats() if form in ("auto", "list") else formats().only(form)
    except FormatError as error:
        raise click.UsageError(str(error)) from error
    if form == "list":
        _list(chosen)
        return
    raise SystemExit(_ingested(data, paths, chosen, form, options))


def _list(known: Formats) -> None:
    from nephoscope.cli.session.listing import show_list

    every = {one.name: one for group in known[:3] for one in group}
    rows = [{"name": name, "what": every[name].title} for name in sorted(every)]
    show_list(rows, ("name", "what"), "table")


def _ingested(data: Path, paths: tuple[str, ...], chosen: Formats, form: str, options: dict[str, Any]) -> int:
    """Take everything in, print the summary; the exit code."""
    from nephoscope.cli.session.lakes import lake_of
    from nephoscope.cli.session.session import progress_line
    from nephoscope.lake.errors import SpoolFullError
    from nephoscope.lake.memory import give_back
    from nephoscope.sources.logs.files import found, packed_size
    from nephoscope.sources.resources.files import Limits

    give_back()
    data.mkdir(parents=True, exist_ok=True)
    _remove_left(data)
    with (
        _from_stdin(data, paths) as given,
        _sampled(data, given) as named,
        lake_of(data) as (lake, state),
        progress_line() as tell,
    ):
        try:
            files = found(named, Limits())
        except FileNotFoundError as error:
            raise click.UsageError(f"{error.filename}: {error.strerror}") from error
        total = sum(packed_size(path) for path in {one.path for one in files.sources})
        load = _load(data, lake, state, chosen, form, options, _meter(tell, total))
        load.tally.failed.update(files.failed)
        try:
            load.run(files.sources)
        except SpoolFullError as error:
            click.echo(f"nephoscope: {error}; run the command again to go on", err=True)
            return 3
        finally:
            _show(load.tally, files.passed_over, options["output"])
        lake.flush(timeout=600)
    return 3 if load.tally.bad or load.tally.failed else 0


def _load(
    data: Path,
    lake: Lake,
    state: State,
    chosen: Formats,
    form: str,
    options: dict[str, Any],
    advance: Callable[[int], None],
) -> Ingestion:
    """The load that the options ask for."""
    from datetime import UTC, datetime

    from nephoscope.cli.session.stored import workspace_of
    from nephoscope.sources.logs.format import Context, Destination
    from nephoscope.sources.logs.ingestion import Ingestion

    table, destination = options["table"], Destination(options["destination"])
    whereabouts = _whereabouts(data) if options["analytics"] else None
    if table:
        lake.tables[table]
    encoding = _page(options["encoding"])
    decisive = {
        "table": table,
        "format": form,
        "destination": destination.value,
        "zone": options["zone"],
        "encoding": encoding,
    }
    usual = {"table": "", "format": "auto", "destination": "both", "zone": "UTC", "encoding": "cp1252"}
    return Ingestion(
        lake,
        state,
        workspace_of(state, options["workspace"]),
        chosen,
        Context("", datetime.now(UTC), _zone(options["zone"]), table, destination, whereabouts, encoding),
        again=options["again"],
        options=" ".join(f"{name}={value}" for name, value in decisive.items() if value != usual[name]),
        advance=advance,
    )


def _whereabouts(data: Path) -> Whereabouts | None:
    """Where addresses are in the newest estate of the data folder; None where none was collected."""
    from nephoscope.estate.store import EstateStore
    from nephoscope.sources.logs.whereabouts import Whereabouts

    store = EstateStore(data)
    return Whereabouts(store.estate()) if store.snapshots() else None


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise click.UsageError(f"no time zone {name!r}: as in Europe/Berlin") from error


def _page(name: str) -> str:
    from nephoscope.sources.logs.text import page_of

    try:
        return page_of(name)
    except LookupError as error:
        raise click.UsageError(f"no code page {name!r}: as in cp1252, latin-1, utf-8") from error


def _meter(tell: Callable[[str, int, int], None], total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell("reading", min(done, total), total)

    return advance


@contextmanager
def _from_stdin(data: Path, paths: tuple[str, ...]) -> Iterator[list[str]]:
    """The paths, with a file of what standard input holds for `-`, and for a pipe: its content decides whether it is new."""
    pipes = {one: one == STDIN or _is_pipe(one) for one in paths}
    if not any(pipes.values()):
        yield list(paths)
        return
    with _kept_folder(data, "ingest-") as folder:
        yield [
            _spooled(one, Path(folder, str(place))) if pipes[one] else one for place, one in enumerate(paths)
        ]


@contextmanager
def _kept_folder(data: Path, prefix: str) -> Iterator[str]:
    """A folder in the data folder for as long as it is needed; its lock tells that its process lives."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=data) as folder:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(held)


def _remove_left(data: Path) -> None:
    """Remove what a process left behind that was killed: the copy of a pipe, or logs of the sample company."""
    for folder in (one for prefix in ("ingest-", "sample-") for one in data.glob(f"{prefix}????????")):
        if not folder.is_dir() or time.time() - folder.stat().st_mtime < _YOUNG:
            continue
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)


def _is_pipe(path: str) -> bool:
    try:
        return Path(path).is_fifo()
    except OSError:
        return False


def _spooled(pipe: str, folder: Path) -> str:
    """A file of what a pipe or standard input holds."""
    folder.mkdir()
    path = folder / ("standard input" if pipe == STDIN else Path(pipe).name)
    with path.open("wb") as file:
        if pipe == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            with Path(pipe).open("rb") as stream:
                shutil.copyfileobj(stream, file)
    return str(path)


@contextmanager
def _sampled(data: Path, paths: list[str]) -> Iterator[list[str]]:
    """The paths, with a folder of files in the place of each that asks for the sample company's logs."""
    from nephoscope.sources.sample.address import Asked, is_sample

    if not any(is_sample(path) for path in paths):
        yield paths
        return
    try:
        asked = {path: Asked.parse(path) for path in paths if is_sample(path)}
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with _kept_folder(data, "sample-") as folder:
        for place, one in enumerate(asked.values()):
            for _ in one.generator().write(Path(folder, str(place))):
                pass
        folders = dict(
            zip(asked, (str(Path(folder, str(place))) for place in range(len(asked))), strict=True)
        )
        yield [folders.get(path, path) for path in paths]


def _show(tally: Tally, passed_over: list[Path], output: str) -> None:
    """Rows by table, quarantined entries by reason, what happened to the files."""
    files = {
        "read": tally.read,
        "resumed": tally.resumed,
        "known": tally.known,
        "passed over": len(passed_over),
    }
    files |= {"failed": len(tally.failed), "grown": tally.continued}
    _tell_grown(tally.grown)
    _tell_cut(tally.cut)
    if output == "json":
        from json import dumps

        found: dict[str, Any] = {
            "rows": dict(tally.rows),
            "derived rows": tally.derived,
            "quarantined": dict(tally.bad),
            "records": tally.outcome.records,
            **tally.outcome._asdict(),
            "recoded": tally.recoded,
            "half surrogates": tally.halves,
            "strangers": tally.strangers,
            "known rows": tally.known_rows,
        }
        found |= {"files": files, "failed": tally.failed, "grown": tally.grown, "cut lines": tally.cut}
        click.echo(dumps({**found, "passed over": [str(path) for path in passed_over[:_NAMES]]}, indent=2))
        return
    for name, count in sorted(tally.rows.items()):
        click.echo(f"{count:>14,} {name}")
    for reason, count in tally.bad.most_common(_REASONS):
        click.echo(f"{count:>14,} quarantined: {reason}")
    if len(tally.bad) > _REASONS:
        click.echo(f"{'':>14} and {len(tally.bad) - _REASONS} further reasons: see the table _Quarantine")
    _advise(tally)
    for name, reason in tally.failed.items():
        click.echo(f"{'':>14} {name}: {reason}")
    if passed_over:
        further = f" and {len(passed_over) - _NAMES:,} more" if len(passed_over) > _NAMES else ""
        click.echo(f"{'':>14} passed over by name: {', '.join(map(str, passed_over[:_NAMES]))}{further}")
    words = {
        "known": f"known ({tally.known_rows:,} rows of them are there)",
        "grown": "of these had grown and gave what is new",
    }
    told = ", ".join(f"{count:,} {words.get(what, what)}" for what, count in files.items() if count)
    click.echo(f"{_sum(tally)}; files: {told or 'none'}")


def _sum(tally: Tally) -> str:
    """What became of the records, so that it adds up: `12 records: 11 gave 96 rows, 1 set aside`."""
    whole, partly, aside, empty = tally.outcome
    rows, entries = sum(tally.rows.values()) - tally.derived, sum(tally.bad.values())
    derived = f" and {tally.derived:,} of traffic analytics" if tally.derived else ""
    parts = [f"{whole + partly:,} gave {rows:,} rows{derived}"]
    if partly:
        parts.append(f"{partly:,} of these were set aside in part")
    parts += [
        f"{count:,} {what}" for count, what in ((aside, "set aside"), (empty, "told of nothing")) if count
    ]
    text = f"{tally.outcome.records:,} records: {', '.join(parts)}"
    return f"{text}; {entries:,} {'entry' if entries == 1 else 'entries'} in _Quarantine" if entries else text


def _advise(tally: Tally) -> None:
    """Say what the user may want to do about what was found."""
    from nephoscope.lake.rows import TOO_OLD

    if any(TOO_OLD in reason for reason in tally.bad):
        click.echo(
            f"{'':>14} older rows are taken where they are kept longer: `workspaces set NAME --retention DAYS` or `tables set`;\n"
            f"{'':>14} then `ingest --again` reads these files once more (rows that were taken are then there twice)"
        )
    if tally.recoded:
        what = "record is" if tally.recoded == 1 else "records are"
        click.echo(
            f"{'':>14} {tally.recoded:,} {what} not UTF-8: the other bytes were read in the code page of --encoding"
        )
    if tally.halves:
        what = "record has" if tally.halves == 1 else "records have"
        click.echo(
            f"{'':>14} {tally.halves:,} {what} half of a surrogate pair, which is no character: its escape stands for it"
        )
    if tally.strangers:
        click.echo(
            f"nephoscope: {tally.strangers:,} row(s) have none of the columns of the table that --table names: all that they hold "
            "is in its bag; is it the right table?",
            err=True,
        )


def _tell_grown(names: list[str]) -> None:
    """Say which files were there before in a shorter version that could not be gone on with, and how files that grow are read."""
    for name in names[:_NAMES]:
        click.echo(
            f"nephoscope: {name}: a shorter version of this file is already in the lake; it is read as a whole (a table, or taken in "
            "by an older release), so that its rows are now there twice",
            err=True,
        )
    if names:
        more = f"{len(names):,} files have grown; " if len(names) > _NAMES else ""
        click.echo(
            f"nephoscope: {more}files that grow are for the sources `folder` and `storage`, which read on: `nephoscope sources add`",
            err=True,
        )


def _tell_cut(lines: dict[str, int]) -> None:
    """Say of which lines the beginning was taken in before, as if it were the whole."""
    for name, line in list(lines.items())[:_NAMES]:
        click.echo(
            f"nephoscope: {name}: line {line:,} was taken in before when its end was not written yet: its beginning is in the lake as "
            "an event or an entry of _Quarantine of its own, beside the whole line that came in now",
            err=True,
        )
    if len(lines) > _NAMES:
        click.echo(
            f"nephoscope: lines of {len(lines):,} files were cut so; `--output json` names all", err=True
        )
