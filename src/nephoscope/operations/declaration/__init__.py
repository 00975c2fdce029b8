"""Declaration and discovery of operations."""
