"""Reports that people download and sign, and how they are made in the background."""
