"""A module a format of resource records: `RANK` (lower is asked first), `recognizes(value)` and `records(value)`.

`recognizes` looks at one JSON value and says whether it is written in this format; `records` turns it into records and
raises RecordError where it cannot. The folder is scanned: a new format is a new file.
"""
