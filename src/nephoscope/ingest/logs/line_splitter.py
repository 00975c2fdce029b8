"""Cut text into lines."""

from __future__ import annotations

from nephoscope.ingest.logs.splitter import CutRecord, Cutter, RecordBlock


class LineCutter(Cutter):
    """Cuts lines of text."""

    text = True

    def block(self) -> RecordBlock | None:
        """Lines until a block is full."""
        window = self.window
        window.fill(self.bounds.block + self.bounds.line)
        if not window.buffered_size:
            return None
        self.find_ends()
        start = window.position
        stop = self._find_last_line_end()
        if not stop:
            return self._skip_oversized_line()
        if stop == start:
            return None
        data = window.buffer[start:stop]
        pieces: list[CutRecord] = []
        at = 0
        for line in (data if len(self.ends) == 1 else data.replace(b"\r", b"\n")).split(b"\n"):
            if line.strip():
                error = f"the line is over {self.bounds.line} bytes" if len(line) > self.bounds.line else ""
                pieces.append(CutRecord(at, at + len(line), self.place(start + at), error))
            at += len(line) + 1
            self.line += 1
        self.line -= data.endswith(self.ends)
        window.position = stop
        unended = len(data) - max(map(data.rfind, self.ends)) - 1
        return RecordBlock(data, window.base + start, window.base + stop, True, False, pieces, unended)

    def _find_last_line_end(self) -> int:
        """The end of the last line that ends within the block, or of the one that ends soon behind it; 0 where none does."""
        window = self.window
        limit = window.position + self.bounds.block
        found = max(window.buffer.rfind(end, window.position, limit) for end in self.ends) + 1
        if window.ended and len(window.buffer) <= limit:
            return found or window.position if self.growing else len(window.buffer)
        if not found and window.ended and not self.growing and window.buffered_size < self.bounds.line:
            return len(window.buffer)
        return found or self._find_line_end(window.buffer, limit, limit + self.bounds.line)

    def _find_line_end(self, data: bytes, start: int, stop: int) -> int:
        """Behind the first end of a line in a stretch, 0 where there is none."""
        found = [at for at in (data.find(end, start, stop) for end in self.ends) if at >= 0]
        return min(found, default=-1) + 1

    def _skip_oversized_line(self) -> RecordBlock | None:
        """Go over the line at the position without holding it; None when its end is left for the next time."""
        window = self.window
        place = self.place(window.position)
        start = window.base + window.position
        head = window.buffer[window.position : window.position + self.bounds.head]
        size = 0
        while read := window.read_next():
            size = self._find_line_end(read, 0, len(read))
            if size:
                window.position -= len(read) - size
                break
        else:
            if self.growing:
                return None
        self.line += 1
        return self.skip_piece(
            head, start, place, f"the line is over {self.bounds.line} bytes", ended=size > 0
        )
