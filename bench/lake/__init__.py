"""What the lake's benchmark is made of."""
