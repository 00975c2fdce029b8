"""How others are reached: Azure clouds, credentials, the client that can only read, and the addresses that may be asked."""
