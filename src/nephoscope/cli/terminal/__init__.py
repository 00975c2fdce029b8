"""Write to the terminal: text without control characters, consoles, messages, exit codes."""
