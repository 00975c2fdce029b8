"""Evidence of transport: how requests and flows were encrypted, as logs have it."""
