"""The admin API: its description, requests and answers."""
