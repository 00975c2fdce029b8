"""Microsoft.Security: Defender for Cloud."""
