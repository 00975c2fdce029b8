"""What a person at a terminal sees: text without control characters, consoles, messages, exit codes."""
