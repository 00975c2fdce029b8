"""State of hosts: agents and the codes that enrol them."""
