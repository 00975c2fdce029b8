"""Analyze a packet capture: conversations, protocols, names, fingerprints, credentials in clear text and known-bad values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console

    from nephoscope.protect.capture.capture_summary import CaptureSummary
    from nephoscope.service.indicator_matches import IndicatorMatches
    from nephoscope.service.service_context import ServiceContext

SCHEMA_VERSION = 1
#: Exit code if a part of the file could not be read.
_UNREAD = 3
#: Kinds of names by their heading.
KINDS = {
    "dns_names": "DNS names",
    "http_hosts": "HTTP hosts",
    "http_uris": "HTTP URIs",
    "tls_names": "TLS server names",
    "ja4": "JA4 (TLS clients)",
    "ja3": "JA3 (TLS clients)",
    "ja3s": "JA3S (TLS servers)",
}


@click.command("capture")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--most", default=20, show_default=True, metavar="N", help="Rows of each table; -o json has all."
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, file: Path, most: int, output: str) -> None:
    """Analyze the packet capture FILE (pcap or pcapng): conversations, protocols, names, TLS fingerprints,
    credentials in clear text, and values that threat intelligence lists. Passwords are never shown. A damaged file
    is analyzed up to its defect; the exit code is then 3.
    """
    from nephoscope.protect.capture.analysis import analyze_capture
    from nephoscope.protect.capture.capture_file import CaptureError

    try:
        with file.open("rb") as stream:
            summary = analyze_capture(stream)
    except CaptureError as error:
        exit_with_usage_error(f"{file}: {error}")
    write_summary(summary, _find_listed_indicators(data, summary), most, output, sys.stdout)
    sys.exit(_UNREAD if summary.defect else 0)


def _find_listed_indicators(data: Path, summary: CaptureSummary) -> IndicatorMatches:
    """Compare a capture with the threat intelligence of a data folder, none where there is no such folder."""
    from nephoscope.service.indicator_matches import IndicatorMatches

    if not data.is_dir():
        return IndicatorMatches(0)
    from nephoscope.cli.session.service_context import open_context

    with open_context(data) as service:
        return match_capture(service, summary)


def match_capture(service: ServiceContext, summary: CaptureSummary) -> IndicatorMatches:
    """Compare the values of a capture with threat intelligence."""
    from nephoscope.protect.capture.observables import list_observables
    from nephoscope.service.indicator_matches import match_indicators

    return match_indicators(service, list_observables(summary))


def write_summary(
    summary: CaptureSummary, listed: IndicatorMatches, most: int, output: str, out: TextIO
) -> None:
    """Write an analysis as tables or as JSON."""
    if output == "json":
        _write_json(summary, listed, out)
    else:
        _write_tables(summary, listed, most, out)


def _write_json(summary: CaptureSummary, listed: IndicatorMatches, out: TextIO) -> None:
    import msgspec

    from nephoscope.protect.capture.observables import list_observables

    seen = list_observables(summary) if listed.matches else {}

    document = {
        "schemaVersion": SCHEMA_VERSION,
        "frames": summary.frames,
        "bytes": summary.bytes,
        "first": summary.first,
        "last": summary.last,
        "tcpSyn": summary.syn,
        "tcpResets": summary.resets,
        "tcpRetransmissions": summary.retransmissions,
        "defect": summary.defect,
        "protocolFrames": dict(summary.protocol_frames.most_common()),
        "conversations": summary.list_conversations(),
        "names": summary.names,
        "credentials": summary.credentials,
        "indicatorsCompared": listed.compared,
        "knownBad": [
            {**msgspec.to_builtins(one), "seenAs": sorted(seen.get(one.value, ()))} for one in listed.matches
        ],
        "leftOut": dict(summary.left_out),
    }
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def _write_tables(summary: CaptureSummary, listed: IndicatorMatches, most: int, out: TextIO) -> None:
    from rich.markup import escape
    from rich.table import Table

    from nephoscope.cli.terminal.console import create_console

    console = create_console(out)
    seconds = summary.last - summary.first
    console.print(f"[bold]{summary.frames:,}[/bold] frames, {summary.bytes:,} bytes in {seconds:,.1f} s")
    console.print(
        f"TCP: {summary.syn:,} connection attempts, {summary.resets:,} resets, {summary.retransmissions:,} retransmissions"
    )
    if summary.defect:
        console.print(f"[yellow]Damaged:[/yellow] {escape(summary.defect)}")
    for what, count in summary.left_out.items():
        console.print(f"[yellow]Left out:[/yellow] {count:,} {escape(what)}")
    if listed.matches:
        _write_listed_indicators(summary, listed, most, console)
    else:
        console.print(f"Known bad: no match among {listed.compared:,} indicators", style="dim")
    protocols = summary.protocol_frames.most_common(most)
    console.print(
        "\n[bold]Protocols[/bold]  " + escape(", ".join(f"{name} {count:,}" for name, count in protocols))
    )
    table = Table(
        "Protocol",
        "Endpoint",
        "Endpoint",
        box=None,
        pad_edge=False,
        title="Conversations",
        title_justify="left",
    )
    table.add_column("Frames", justify="right")
    table.add_column("Bytes", justify="right")
    conversations = summary.list_conversations()
    for one in conversations[:most]:
        ends = (
            f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            for address, port in (one.a, one.b)
        )
        table.add_row(one.protocol, *map(escape, ends), f"{one.frames:,}", f"{one.bytes:,}")
    console.print()
    console.print(table)
    if len(conversations) > most:
        console.print(f"and {len(conversations) - most:,} more", style="dim")
    for kind, heading in KINDS.items():
        names = sorted(summary.names.get(kind, {}).items(), key=lambda pair: (-pair[1], pair[0]))
        if names:
            console.print(f"\n[bold]{heading}[/bold]")
            for text, count in names[:most]:
                console.print(f"  {count:>6,}  {escape(text)}", soft_wrap=True)
    if summary.credentials:
        console.print("\n[bold red]Credentials in clear text[/bold red]")
        for found in summary.credentials[:most]:
            console.print(
                f"  {found.protocol}: {escape(found.user)} to {found.server} (frame {found.frame:,})",
                soft_wrap=True,
            )


def _write_listed_indicators(
    summary: CaptureSummary, listed: IndicatorMatches, most: int, console: Console
) -> None:
    from rich.markup import escape

    from nephoscope.protect.capture.observables import list_observables

    seen = list_observables(summary)
    console.print("\n[bold red]Known bad[/bold red]")
    for one in listed.matches[:most]:
        kinds = ", ".join(sorted(seen.get(one.value, ())))
        sure = "no confidence given" if one.confidence is None else f"confidence {one.confidence}"
        console.print(
            f"  {escape(one.value)} ({kinds}): {escape(one.name or one.indicator)}, {escape(one.source)}, {sure}",
            soft_wrap=True,
        )
    if len(listed.matches) > most:
        console.print(f"  and {len(listed.matches) - most:,} more", style="dim")
