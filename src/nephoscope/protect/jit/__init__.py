"""Just-in-time access: ports of machines that are closed until a request opens them for a time."""
