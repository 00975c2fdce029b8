"""What rules for workflows ask: scripts, permissions, actions, matrices."""
