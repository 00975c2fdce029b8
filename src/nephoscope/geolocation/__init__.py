"""IP geolocation: where an address is, who runs its network, and whether it hides who uses it."""
