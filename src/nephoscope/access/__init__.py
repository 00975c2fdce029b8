"""Access: authentication, roles, sign-in and sessions."""
