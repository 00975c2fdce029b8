"""The summary of a load: rows by table, entries by reason, and what happened to the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.ingest.logs.load_tally import Tally

_REASONS = 20
_NAMES = 3
_LONGEST = 500


def show(tally: Tally, passed_over: list[Path], output: str) -> None:
    """Rows by table, quarantined entries by reason, what happened to the files."""
    files = {
        "read": tally.read,
        "resumed": tally.resumed,
        "known": tally.known,
        "passed over": len(passed_over) + len(tally.special),
    }
    files |= {"failed": len(tally.failed), "grown": tally.continued}
    if tally.unfinished:
        files["not read to its end"] = 1
        click.echo(
            f"nephoscope: {tally.unfinished} was not read to its end: the same command goes on where it stopped",
            err=True,
        )
    _tell_earlier(tally)
    if output == "json":
        _as_json(tally, passed_over, files)
    else:
        _as_text(tally, passed_over, files)


def _tell_earlier(tally: Tally) -> None:
    """Say how the files stand to what was taken in before."""
    if tally.again_since is not None:
        click.echo(
            f"nephoscope: went on with the load with --again of {tally.again_since:%Y-%m-%d %H:%M} UTC, which was interrupted; "
            "what it took in then is among the known files",
            err=True,
        )
    _tell_grown(tally.grown)
    _tell_cut(tally.cut)
    _tell_names(
        tally.unplaced,
        "its content was taken in before as {}, whose path tells no resource: rows that do not name theirs have none; nothing was "
        "taken in twice",
    )
    _tell_names(
        tally.older,
        "is the beginning of a longer version that was taken in before, {}, which was not read again",
    )
    _tell_names(
        tally.overlapping,
        "is the beginning of a longer version that was taken in before, {}, and ends where nothing tells how far: it was read as a "
        "whole, so that its rows are now there twice",
    )
    _tell_names(
        tally.alike,
        "begins with all that {} holds, which is too short to show that it is the same file: it was read as a whole; if it is, those "
        "rows are now there twice",
    )


def _as_json(tally: Tally, passed_over: list[Path], files: dict[str, int]) -> None:
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
        "files set aside as a whole": tally.refused,
        "known rows": tally.known_rows,
    }
    found |= {
        "files": files,
        "failed": tally.failed,
        "grown": tally.grown,
        "cut lines": tally.cut,
        "without resource": tally.unplaced,
        "older": tally.older,
        "alike": tally.alike,
        "overlapping": tally.overlapping,
        "rows of tables not taken": dict(tally.unwanted),
        "rows without resource": tally.placeless,
        "rows of other subscriptions": tally.elsewhere,
    }
    found |= {
        "passed over": [str(path) for path in passed_over[:_NAMES]],
        "no plain files": [str(path) for path in tally.special[:_NAMES]],
    }
    click.echo(dumps(found, indent=2))


def _as_text(tally: Tally, passed_over: list[Path], files: dict[str, int]) -> None:
    for name, count in sorted(tally.rows.items()):
        click.echo(f"{count:>14,} {name}")
    for reason, count in tally.bad.most_common(_REASONS):
        click.echo(f"{count:>14,} quarantined: {reason}")
        if example := tally.examples.get(reason):
            click.echo(f"{'':>14}   {'the first' if count > 1 else 'at'} {example[:_LONGEST]}")
    if len(tally.bad) > _REASONS:
        click.echo(f"{'':>14} and {len(tally.bad) - _REASONS} further reasons: see the table _Quarantine")
    _advise(tally)
    for name, reason in tally.failed.items():
        click.echo(f"{'':>14} {name}: {reason}")
    _tell_passed_over("by name", passed_over)
    _tell_passed_over("as links, devices or files with holes in an archive", tally.special)
    words = {
        "known": f"known ({tally.known_rows:,} rows of them are there)",
        "grown": "of these had grown and gave what is new",
    }
    told = ", ".join(f"{count:,} {words.get(what, what)}" for what, count in files.items() if count)
    click.echo(f"{_sum(tally)}; files: {told or 'none'}")


def _tell_passed_over(why: str, paths: list[Path]) -> None:
    """Say the first of the files that were passed over."""
    if paths:
        further = f" and {len(paths) - _NAMES:,} more" if len(paths) > _NAMES else ""
        click.echo(f"{'':>14} passed over {why}: {', '.join(map(str, paths[:_NAMES]))}{further}")


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
    told = [f"{tally.outcome.records:,} records: {', '.join(parts)}"]
    if tally.refused:
        what = "1 file" if tally.refused == 1 else f"{tally.refused:,} files"
        told = [*(told if tally.outcome.records else []), f"{what} set aside as a whole"]
    text = "; ".join(told)
    return f"{text}; {entries:,} {'entry' if entries == 1 else 'entries'} in _Quarantine" if entries else text


def _advise(tally: Tally) -> None:
    """Say what the user may want to do about what was found."""
    from nephoscope.lake.schema.row_conversion import TOO_OLD

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
    if tally.untimed:
        what = "row has" if tally.untimed == 1 else "rows have"
        click.echo(
            f"{'':>14} {tally.untimed:,} {what} the time of ingestion as TimeGenerated: the record tells none that can be read"
        )
    if tally.unwanted:
        told = ", ".join(f"{count:,} of {name}" for name, count in tally.unwanted.most_common(_NAMES))
        more = f" and of {len(tally.unwanted) - _NAMES} more tables" if len(tally.unwanted) > _NAMES else ""
        click.echo(
            f"nephoscope: rows were left out whose tables the workspace does not take: {told}{more}; a record of which it takes no "
            "row is in _Quarantine. `workspaces set NAME --table` names all tables that it takes, `--every-table` takes every one",
            err=True,
        )
    if tally.placeless:
        click.echo(
            f"nephoscope: {tally.placeless:,} row(s) name no resource, and the workspace shows rows of some subscriptions "
            "only: nobody sees them there; take them into a workspace for all subscriptions (`ingest -w`), or widen this one "
            "(`workspaces set --every-subscription`)",
            err=True,
        )
    if tally.elsewhere:
        click.echo(
            f"nephoscope: {tally.elsewhere:,} row(s) are of subscriptions that the workspace does not show: take them "
            "into another one, or add them to it (`workspaces set --subscription`)",
            err=True,
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
            f"nephoscope: {name}: a shorter version of this file is already in the lake; it is read as a whole (Parquet, XML, or "
            "taken in by an older release), so that its rows are now there twice",
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


def _tell_names(names: dict[str, str], sentence: str) -> None:
    """Say a sentence of the first files, in which another name stands for the braces."""
    for name, other in list(names.items())[:_NAMES]:
        click.echo(f"nephoscope: {name}: {sentence.format(other)}", err=True)
    if len(names) > _NAMES:
        click.echo(f"nephoscope: so it is with {len(names):,} files; `--output json` names all", err=True)
