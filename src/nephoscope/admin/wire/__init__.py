"""How the own API is described, asked and answered."""
