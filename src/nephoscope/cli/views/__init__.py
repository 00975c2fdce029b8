"""Parts of a report that a person asks for by an option or a command of its own."""
