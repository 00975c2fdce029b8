"""What automation rules do and how their runs stand."""
