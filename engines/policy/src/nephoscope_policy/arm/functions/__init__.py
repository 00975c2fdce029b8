"""The function families, a file each: `registry` finds whatever is declared here."""
