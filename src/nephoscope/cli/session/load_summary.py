"""The summary of a load: rows by table, entries by reason, and what happened to the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.ingest.logs.load_tally import LoadTally

_REASONS = 20
_NAMES = 3
_LONGEST = 500


def show_load_summary(tally: LoadTally, passed_over: list[Path], output: str) -> None:
    """Rows by table, quarantined entries by reason, what happened to the files."""
    files = {
        "read": tally.read,
        "resumed": tally.resumed,
        "known": tally.known,
        "skipped": len(passed_over) + len(tally.special),
    }
    files |= {"failed": len(tally.failed), "grown": tally.continued}
    if tally.unfinished:
        files["incomplete"] = 1
        click.echo(
            f"nephoscope: {tally.unfinished} was not read completely: run the same command to continue",
            err=True,
        )
    _print_repeated_files(tally)
    if output == "json":
        _print_json(tally, passed_over, files)
    else:
        _print_text(tally, passed_over, files)


def _print_repeated_files(tally: LoadTally) -> None:
    """Say how the files stand to what was taken in before."""
    if tally.again_since is not None:
        click.echo(
            (
                f"nephoscope: resumed the load with --again of {tally.again_since:%Y-%m-%d %H:%M} UTC, "
                "which was interrupted; its files count as known"
            ),
            err=True,
        )
    _print_grown_files(tally.grown)
    _tell_cut(tally.cut)
    _print_file_names(
        tally.unplaced,
        (
            "its content was ingested before as {}, whose path names no resource: rows that do not "
            "name a resource have none; nothing was ingested twice"
        ),
    )
    _print_file_names(
        tally.older,
        "is the start of a longer version that was ingested before, {}, which was not read again",
    )
    _print_file_names(
        tally.overlapping,
        "is the beginning of a longer version that was taken in before, {}, and ends where nothing tells how far: it was read as a "
        "whole, so that its rows are now there twice",
    )
    _print_file_names(
        tally.alike,
        (
            "starts with the content of {}, which is too short to identify it as the same file: it "
            "was read completely; if it is the same file, those rows are duplicated"
        ),
    )


def _print_json(tally: LoadTally, passed_over: list[Path], files: dict[str, int]) -> None:
    from json import dumps

    found: dict[str, object] = {
        "rows": dict(tally.rows),
        "derived rows": tally.derived,
        "quarantined": dict(tally.bad),
        "first of them": tally.examples,
        "records": tally.outcome.records,
        **tally.outcome._asdict(),
        "recoded": tally.recoded,
        "half surrogates": tally.halves,
        "strangers": tally.strangers,
        "rows with the time of ingestion": tally.untimed,
        "files quarantined completely": tally.refused,
        "known rows": tally.known_rows,
    }
    found |= {
        "files": files,
        "failed": tally.failed,
        "grown": tally.grown,
        "truncated lines": tally.cut,
        "without resource": tally.unplaced,
        "older": tally.older,
        "alike": tally.alike,
        "overlapping": tally.overlapping,
        "rows of tables not accepted": dict(tally.unwanted),
        "rows without resource": tally.placeless,
        "rows of other subscriptions": tally.elsewhere,
    }
    found |= {
        "skipped": [str(path) for path in passed_over[:_NAMES]],
        "not regular files": [str(path) for path in tally.special[:_NAMES]],
    }
    click.echo(dumps(found, indent=2))


def _print_text(tally: LoadTally, passed_over: list[Path], files: dict[str, int]) -> None:
    for name, count in sorted(tally.rows.items()):
        click.echo(f"{count:>14,} {name}")
    for reason, count in tally.bad.most_common(_REASONS):
        click.echo(f"{count:>14,} quarantined: {reason}")
        if example := tally.examples.get(reason):
            click.echo(f"{'':>14}   {'the first' if count > 1 else 'at'} {example[:_LONGEST]}")
    if len(tally.bad) > _REASONS:
        click.echo(f"{'':>14} and {len(tally.bad) - _REASONS} further reasons: see the table _Quarantine")
    _print_load_advice(tally)
    for name, reason in tally.failed.items():
        click.echo(f"{'':>14} {name}: {reason}")
    _print_skipped_paths("by name", passed_over)
    _print_skipped_paths("as links, devices or sparse files in an archive", tally.special)
    words = {
        "known": f"known (with {tally.known_rows:,} rows)",
        "grown": "of these had grown and added new rows",
    }
    file_counts = ", ".join(f"{count:,} {words.get(what, what)}" for what, count in files.items() if count)
    click.echo(f"{_format_sum(tally)}; files: {file_counts or 'none'}")


def _print_skipped_paths(why: str, paths: list[Path]) -> None:
    """Say the first of the files that were passed over."""
    if paths:
        further = f" and {len(paths) - _NAMES:,} more" if len(paths) > _NAMES else ""
        click.echo(f"{'':>14} skipped {why}: {', '.join(map(str, paths[:_NAMES]))}{further}")


def _format_sum(tally: LoadTally) -> str:
    """Return what became of the records, so that it adds up: `12 records: 11 gave 96 rows, 1 quarantined`."""
    whole, partly, aside, empty = tally.outcome
    rows, entries = sum(tally.rows.values()) - tally.derived, sum(tally.bad.values())
    derived = f" and {tally.derived:,} of traffic analytics" if tally.derived else ""
    parts = [f"{whole + partly:,} gave {format_count(rows, 'row')}{derived}"]
    if partly:
        parts.append(f"{partly:,} of these were partly quarantined")
    parts += [f"{count:,} {what}" for count, what in ((aside, "quarantined"), (empty, "empty")) if count]
    summaries = [f"{format_count(tally.outcome.records, 'record')}: {', '.join(parts)}"]
    if tally.refused:
        what = "1 file" if tally.refused == 1 else f"{tally.refused:,} files"
        summaries = [*(summaries if tally.outcome.records else []), f"{what} quarantined completely"]
    text = "; ".join(summaries)
    return f"{text}; {entries:,} {'entry' if entries == 1 else 'entries'} in _Quarantine" if entries else text


def _print_load_advice(tally: LoadTally) -> None:
    """Say what the user may want to do about what was found."""
    from nephoscope.lake.schema.row_conversion import TOO_OLD

    if any(TOO_OLD in reason for reason in tally.bad):
        click.echo(
            f"{'':>14} to ingest older rows, extend the retention with `workspaces set NAME --retention DAYS` or `tables set`,\n"
            f"{'':>14} then repeat with `ingest --again` (rows that these files already added are duplicated)"
        )
    if tally.recoded:
        what = "record is" if tally.recoded == 1 else "records are"
        click.echo(
            f"{'':>14} {tally.recoded:,} {what} not UTF-8: the other bytes were decoded with --encoding"
        )
    if tally.halves:
        what = "record has" if tally.halves == 1 else "records have"
        click.echo(
            f"{'':>14} {tally.halves:,} {what} unpaired surrogates, which are not characters: their escape sequences are stored"
        )
    if tally.untimed:
        what = "row has" if tally.untimed == 1 else "rows have"
        click.echo(
            f"{'':>14} {tally.untimed:,} {what} the ingestion time as TimeGenerated: the record has no readable time"
        )
    if tally.unwanted:
        tables = ", ".join(f"{count:,} of {name}" for name, count in tally.unwanted.most_common(_NAMES))
        more = f" and of {len(tally.unwanted) - _NAMES} more tables" if len(tally.unwanted) > _NAMES else ""
        click.echo(
            (
                "nephoscope: rows of tables that the workspace does not accept were dropped: "
                f"{tables}{more}; a record without any accepted row is in _Quarantine. Accept tables with "
                "`workspaces set NAME --table`, or all with `--every-table`"
            ),
            err=True,
        )
    if tally.placeless:
        click.echo(
            (
                f"nephoscope: {tally.placeless:,} row(s) name no resource, and the workspace shows only "
                "rows of some subscriptions, so that these rows are hidden: ingest them into a workspace "
                "for all subscriptions (`ingest -w`), or show all (`workspaces set --every-subscription`)"
            ),
            err=True,
        )
    if tally.elsewhere:
        click.echo(
            (
                f"nephoscope: {tally.elsewhere:,} row(s) belong to subscriptions that the workspace does "
                "not show: ingest them into another workspace, or add their subscriptions (`workspaces "
                "set --subscription`)"
            ),
            err=True,
        )
    if tally.strangers:
        click.echo(
            (
                f"nephoscope: {tally.strangers:,} row(s) have none of the columns of the table in "
                "--table; all values are in its dynamic column: check that the table is right"
            ),
            err=True,
        )


def _print_grown_files(names: list[str]) -> None:
    """Say which files were there before in a shorter version that could not be gone on with, and how files that grow are read."""
    for name in names[:_NAMES]:
        click.echo(
            (
                f"nephoscope: {name}: a shorter version of this file was ingested before; the file was "
                "read completely (Parquet, XML, or ingested by an older release), so that its rows are "
                "duplicated"
            ),
            err=True,
        )
    if names:
        more = f"{len(names):,} files have grown; " if len(names) > _NAMES else ""
        click.echo(
            (
                f"nephoscope: {more}for growing files, use the sources `folder` and `storage`, which read "
                "only new data: `nephoscope sources add`"
            ),
            err=True,
        )


def _tell_cut(lines: dict[str, int]) -> None:
    """Say of which lines the beginning was taken in before, as if it were the whole."""
    for name, line in list(lines.items())[:_NAMES]:
        click.echo(
            (
                f"nephoscope: {name}: line {line:,} was ingested before it was complete: its first part "
                "is in the lake as a separate event or an entry of _Quarantine, in addition to the "
                "complete line"
            ),
            err=True,
        )
    if len(lines) > _NAMES:
        click.echo(f"nephoscope: {len(lines):,} files have such lines; `--output json` lists all", err=True)


def _print_file_names(names: dict[str, str], sentence: str) -> None:
    """Say a sentence of the first files, in which another name stands for the braces."""
    for name, other in list(names.items())[:_NAMES]:
        click.echo(f"nephoscope: {name}: {sentence.format(other)}", err=True)
    if len(names) > _NAMES:
        click.echo(f"nephoscope: {len(names):,} files are affected; `--output json` lists all", err=True)
