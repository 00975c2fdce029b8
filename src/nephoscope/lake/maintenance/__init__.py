"""What keeps tables in shape: small files joined, old days dropped, unused files deleted."""
