"""Microsoft Graph, and the stand-ins for Entra ID and managed identities."""
