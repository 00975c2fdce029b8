"""What evaluations found when: comparisons with the one before, and why the score moved."""
