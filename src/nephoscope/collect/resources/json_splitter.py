"""Cut a stream of JSON bytes into records, whatever wraps them, without ever holding more than a few records.

A file of resources is one of: a body, JSON lines, an array, answers `{"data": []}` or `{"value": []}`, tables
`{"columns": [], "rows": []}`, or arrays and sequences of these. A record is an object (or, in a table, a row). Where text is
broken, the smallest stretch up to the next whole record is handed out as an error and cutting goes on behind it.
The result never depends on how the stream was cut into chunks. Grammar: RFC 8259.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.json_grammar import (
    BARE_TABLE,
    BLANK,
    CANDIDATE,
    CLOSES,
    ENVELOPE,
    HEADER,
    LENIENT_PREFIX,
    LENIENT_TOKEN,
    MAX_RECORD,
    OPEN_STRING,
    OWN_ID,
    PREFIX,
    RESOURCE,
    TOKEN,
    WASTE,
    BrokenRecordError,
    RecordContainer,
    RecordScanState,
    RecordSlice,
    decode_flat,
    find_string_stop,
    is_record,
    parse_column_names,
    track_bracket,
)
from nephoscope.collect.resources.paging import PagingReader
from nephoscope.collect.resources.slice_buffer import SliceBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIALS = 200
_GUESSES = 4
#: How many records in a row are cut at once.
_RUN = 16
_NEWLINE = 0x0A
_FAILS = 8


class RecordSplitter(SliceBuffer):
    """Feed bytes, take pieces; `close` hands out what is left.

    `paging` is what the answers among them say of further pages.
    """

    def __init__(self) -> None:
        super().__init__()
        self.paging = PagingReader()
        self._stack: list[RecordContainer] = [RecordContainer("top")]
        self._eof = False

    def feed(self, chunk: bytes) -> Iterator[RecordSlice]:
        """Take more of the stream and hand out the records that are now complete."""
        self._compact_buffer()
        self._buffer += chunk
        yield from self._split_records()

    def close(self) -> Iterator[RecordSlice]:
        """Say that the stream has ended and hand out what is left."""
        self._eof = True
        yield from self._split_records()
        if len(self._stack) > 1:
            yield RecordSlice(b"", self._line, self._column, "the file ends inside an array or an answer")

    def _split_records(self) -> Iterator[RecordSlice]:
        while True:
            going = self._scan_next_step()
            while self._out:
                yield self._out.popleft()
            if not going:
                return

    def _scan_next_step(self) -> bool:
        """One step; False when more bytes are needed (or, at the end, none are left)."""
        container = self._stack[-1]
        if container.kind == "rest":
            return self._skip_remaining_members(container)
        if self._scan is None:
            blank = BLANK.match(self._buffer, self._position)
            if blank is not None and blank.end() > self._position:
                container.separator = blank.group()
                self._move_position(blank.end())
            if self._position >= len(self._buffer):
                return False
        return self._skip_to_item(container)

    def _skip_to_item(self, container: RecordContainer) -> bool:
        first = self._buffer[self._position]
        if first == 0x7B or (first == 0x5B and container.columns):
            return self._read_record(container)
        if first == 0x5B and len(self._stack) < 4:
            return self._enter_container(RecordContainer("array"), self._position + 1)
        if first == 0x5D and container.kind == "array":
            self._leave_container(container)
            return True
        return self._skip_waste()

    def _enter_container(self, container: RecordContainer, position: int) -> bool:
        self._stack.append(container)
        self._move_position(position)
        self._scan = None
        self._header_tried = False
        return True

    def _leave_container(self, container: RecordContainer) -> None:
        self._move_position(self._position + 1)
        self._stack.pop()
        if container.rests:
            self._stack.append(RecordContainer("rest", rests=container.rests))
            self._scan = RecordScanState(self._position, self._position, bytearray(b"}" * container.rests))

    def _skip_waste(self) -> bool:
        """Something between records that is none: hand out its line up to the next bracket as an error."""
        match = WASTE.match(self._buffer, self._position)
        end = max(match.end() if match else 0, self._position + 1)
        if end >= len(self._buffer) and not self._eof and end - self._position < HEADER:
            return False
        self._emit_error(end, "expected a JSON object")
        return True

    def _read_record(self, container: RecordContainer) -> bool:
        if self._broken and self._scan:
            return self._recover_broken_record(self._scan, self._broken)
        if self._try_header(container) or self._try_next_record(container):
            return True
        scan = self._scan or RecordScanState(self._position, self._position, bytearray())
        self._scan = scan
        try:
            end = self._find_record_end(scan)
        except BrokenRecordError as broken:
            return self._recover_broken_record(scan, broken)
        if end < 0:
            return False
        if scan.error:
            self._emit_error(end, scan.error)
        else:
            self._emit_slice(end, container)
        return True

    def _try_header(self, container: RecordContainer) -> bool:
        if self._header_tried or container.columns or len(self._stack) > 3:
            return False
        limit = self._position + HEADER
        self._header_tried = self._eof or len(self._buffer) >= limit
        if self._buffer.startswith(b'{"id":', self._position) or RESOURCE.match(self._buffer, self._position):
            return False  # nearly every record, and quickly told
        match = ENVELOPE.match(self._buffer, self._position, limit)
        match = match or BARE_TABLE.match(self._buffer, self._position, limit)
        if match is None or OWN_ID.search(match["members"]):
            return False
        groups = match.groupdict()
        columns = parse_column_names(groups["columns"]) if groups.get("columns") else ()
        if columns is None:
            return False
        self.paging.begin_answer(self._buffer, *match.span())
        return self._enter_container(
            RecordContainer("array", columns, rests=2 if groups.get("object") else 1), match.end()
        )

    def _try_next_record(self, container: RecordContainer) -> bool:
        """The common case of records set apart alike: decode up to the next separator, and let no Python look for the end.

        What decodes is a whole record and ends where a scan would end it, so that this changes no result.
        """
        if self._scan is not None or container.fails > _FAILS or not container.separator:
            return False
        opening = self._buffer[self._position : self._position + 1]
        mark = bytes((CLOSES[opening[0]],)) + container.separator + opening
        if not self._cut_record(container, mark):
            container.fails += 1
            return False
        following = container.separator + b'{"id":'  # no header begins so
        for _ in range(_RUN if opening == b"{" else 0):
            if not self._buffer.startswith(following, self._position):
                break
            self._move_position(self._position + len(container.separator))
            if not self._cut_record(container, mark):
                break
        return True

    def _cut_record(self, container: RecordContainer, mark: bytes) -> bool:
        """Hand out the record here, which ends where its last bracket, the separator and a bracket follow each other."""
        buffer, start = self._buffer, self._position
        end = start
        if mark[1] == _NEWLINE:  # one byte is found many times faster than what stands around it
            end = max(buffer.find(b"\n", start, start + MAX_RECORD) - 1, start)
        for _ in range(_GUESSES):
            end = buffer.find(mark, end, start + MAX_RECORD) + 1
            if not end:
                return False
            data = bytes(buffer[start:end])
            value = decode_flat(data)
            if value is not None:
                container.fails = 0
                self._out.append(RecordSlice(data, self._line, self._column, "", container.columns, value))
                self._finish_slice(end)
                return True
        return False

    def _find_record_end(self, scan: RecordScanState) -> int:
        """The end of the record that begins at `scan.start`, -1 when more bytes are needed."""
        buffer = self._buffer
        limit = scan.start + MAX_RECORD
        while True:
            match = (LENIENT_TOKEN if scan.error else TOKEN).match(buffer, scan.position)
            if match is None:
                if self._is_record_unfinished(scan):
                    return -1
                continue
            end = match.end()
            if end > limit:
                raise BrokenRecordError("large", limit, f"the record is larger than {MAX_RECORD} bytes")
            track_bracket(scan, buffer, end)
            scan.position = end
            if not scan.stack:
                return end

    def _is_record_unfinished(self, scan: RecordScanState) -> bool:
        """No bracket follows: True when more bytes are needed, False when the scan goes on leniently."""
        buffer = self._buffer
        stop = (LENIENT_PREFIX if scan.error else PREFIX).match(buffer, scan.position).end()  # type: ignore[union-attr]
        if stop < len(buffer) and not (buffer[stop] == 0x22 and OPEN_STRING.match(buffer, stop)):
            if buffer[stop] == 0x22:
                reason = "a control character or a line break inside a string"
                raise BrokenRecordError("string", find_string_stop(buffer, stop), reason)
            scan.error = f"unexpected character {chr(buffer[stop])!r}"
            return False
        if len(buffer) > scan.start + MAX_RECORD:
            raise BrokenRecordError(
                "large", scan.start + MAX_RECORD, f"the record is larger than {MAX_RECORD} bytes"
            )
        if self._eof:
            raise BrokenRecordError("eof", len(buffer), "the file ends inside a record")
        return True

    def _recover_broken_record(self, scan: RecordScanState, broken: BrokenRecordError) -> bool:
        """Hand out the broken stretch up to the next whole record, or look for its end leniently."""
        reason = scan.error or broken.reason
        self._broken = None
        if scan.error or broken.kind not in ("large", "eof"):
            found = self._find_next_whole(scan, broken.offset)
            if found > 0:
                self._emit_error(found, reason)
                return True
            if found < 0 or self._waits_for_key(broken):
                self._broken = broken
                return False
        if broken.kind == "large" and not scan.error:
            return self._skip_large(scan, broken)
        if broken.kind in ("large", "eof") or not self._resume_after_break(scan, broken):
            self._emit_error(min(max(broken.offset, self._position + 1), len(self._buffer)), reason)
        return True

    def _waits_for_key(self, broken: BrokenRecordError) -> bool:
        """Return whether more bytes are needed to tell a stray ']' inside a record from the end of the array around it."""
        after = BLANK.match(self._buffer, broken.offset + 1)
        return (
            broken.kind == "close" and not self._eof and (after is None or after.end() == len(self._buffer))
        )

    def _is_stray(self, offset: int) -> bool:
        """Return whether the closing bracket stands inside the broken record: a key follows, and no answer is around it."""
        after = BLANK.match(self._buffer, offset + 1)
        return (
            not self._stack[-1].rests
            and after is not None
            and self._buffer[after.end() : after.end() + 1] == b'"'
        )

    def _resume_after_break(self, scan: RecordScanState, broken: BrokenRecordError) -> bool:
        """Go on behind the break to find where the record ends; False when it ends at the break."""
        buffer = self._buffer
        if broken.kind == "string" and buffer[scan.start + 1] not in b"\r\n":
            return False
        if broken.kind == "close":
            opened = scan.stack.rfind(buffer[broken.offset])
            if opened < 0 and not self._is_stray(broken.offset):
                return False
            if opened >= 0:
                del scan.stack[opened:]
        elif broken.kind == "open":
            scan.stack.append(CLOSES[buffer[broken.offset]])
        scan.error = scan.error or broken.reason
        scan.position = broken.offset + (broken.kind in ("open", "close"))
        if not scan.stack:
            self._emit_error(scan.position, scan.error)
        return True

    def _find_next_whole(self, scan: RecordScanState, offset: int) -> int:
        """Return where inside or right behind a broken stretch a whole record begins, 0 = nowhere, -1 = more bytes are needed."""
        buffer = self._buffer
        after = max(self._position + 1, scan.tested)
        for trial, match in enumerate(CANDIDATE.finditer(buffer, after, min(offset + 1, len(buffer)))):
            if trial >= _TRIALS:
                break
            attempt = RecordScanState(match.end(), match.end(), bytearray())
            try:
                end = self._find_record_end(attempt)
            except BrokenRecordError:
                continue
            if end < 0:
                return -1
            if not attempt.error and is_record(bytes(buffer[attempt.start : end])):
                return attempt.start
        scan.tested = offset
        return 0

    def _skip_large(self, scan: RecordScanState, broken: BrokenRecordError) -> bool:
        """Hand out the beginning of a record over the limit as an error, and go over the rest without keeping it."""
        head = bytes(self._buffer[self._position : self._position + HEADER])
        self._out.append(RecordSlice(head, self._line, self._column, broken.reason))
        self._stack.append(RecordContainer("rest"))
        return self._advance_position(scan)

    def _advance_position(self, scan: RecordScanState) -> bool:
        """Let go of what has been scanned; a single token over the limit is given up."""
        if scan.position - 1 <= scan.start:
            self._stack.pop()
            self._finish_slice(min(scan.start + MAX_RECORD, len(self._buffer)))
            return True
        if self._stack[-1].rests:
            self.paging.add_members(self._buffer, scan.start, scan.position)
        scan.start = scan.position - 1
        self._move_position(scan.start)
        return True

    def _skip_remaining_members(self, container: RecordContainer) -> bool:
        """Go over the members behind the array of an answer; they may say that there is a next page."""
        scan = self._scan
        if scan is None:
            raise AssertionError(f"nothing is scanned inside {container.kind}")
        try:
            end = self._find_record_end(scan)
        except BrokenRecordError as broken:
            if broken.kind == "large":
                return self._advance_position(scan)
            self._stack.pop()
            self._emit_error(min(max(broken.offset, self._position + 1), len(self._buffer)), broken.reason)
            return True
        if end < 0:
            return False
        if container.rests:
            self.paging.add_members(self._buffer, scan.start, end)
            self.paging.end_answer()
        self._stack.pop()
        self._finish_slice(end)
        return True
