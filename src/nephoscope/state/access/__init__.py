"""Access: principals who may sign in, and the stored credentials."""
