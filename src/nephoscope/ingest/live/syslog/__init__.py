"""Listeners for syslog and CEF: how messages are cut out of streams, and how much may wait."""
