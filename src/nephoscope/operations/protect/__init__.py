"""Operations of the command `protect`: registries, their images, and requests for images."""
