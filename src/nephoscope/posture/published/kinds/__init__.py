"""What an evaluation is published as: a file a kind of ARM document, each with `documents(report, past)`."""
