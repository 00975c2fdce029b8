"""The audit of what people change, its anchor, and who acts."""
