"""ARM documents that an evaluation is published as: a file a kind, each with `documents(report, past)`."""
