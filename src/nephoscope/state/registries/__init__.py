"""Registries of images: those that are watched, the images in them with how far each has come, and requests for images."""
