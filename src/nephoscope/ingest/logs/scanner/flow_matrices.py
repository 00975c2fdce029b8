"""The matrices that the scanner of flow logs fills: what stands in which of their rows and columns."""

from __future__ import annotations

VNET, NSG = 0, 1
#: Columns of the matrix `rows`: the fields of a tuple in order, then the group. SRC and DEST are an IPv4 address, or -1 - n for the
#: n-th other one. DECISION is the state of a VNet's tuple (B, C, E, D = 0 to 3), A or D (0, 1) of an NSG's; EXTRA the encryption of
#: the one, the state of the other (4 = version 1 has none). Of four counters -1 is one that is empty.
TIME, SRC, DEST, SRC_PORT, DEST_PORT, PROTOCOL, DIRECTION, DECISION, EXTRA, COUNTS = range(10)
LAST = COUNTS + 3
GROUP = LAST + 1
ROW_FIELDS = GROUP + 1
NO_STATE = 4
WIDE = (TIME, SRC, DEST, COUNTS, COUNTS + 1, COUNTS + 2, COUNTS + 3)
NARROW = (SRC_PORT, DEST_PORT, PROTOCOL, DIRECTION, DECISION, EXTRA, GROUP)
#: Rows of the matrix `groups` (innermost objects) and `flows` (those around them): the text's start and end, and what they are in.
START, END, WITHIN = range(3)
#: Rows of the matrix `records`: start and end of three texts and of the category, then the version; -1 = absent.
TEXTS = 3
CATEGORY = 6
VERSION = 8
RECORD_FIELDS = 9
#: What `counts` counts.
ROWS, GROUPS, FLOWS, RECORDS, ODD = range(5)
ENCRYPTION_WORDS = (
    b"X",
    b"NX",
    b"NX_HW_NOT_SUPPORTED",
    b"NX_SW_NOT_READY",
    b"NX_NOT_ACCEPTED",
    b"NX_NOT_SUPPORTED",
    b"NX_LOCAL_DST",
    b"NX_FALLBACK",
)
