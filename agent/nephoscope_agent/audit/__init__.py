"""The audit system of the kernel: its records, the events that they make, its rules, and its netlink socket."""
