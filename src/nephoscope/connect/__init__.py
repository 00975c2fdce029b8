"""Connect to other services: Azure clouds, credentials, the read-only client, and the guard of reachable addresses."""
