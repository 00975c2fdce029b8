"""Define the errors of reading an image."""

from __future__ import annotations


class ImageError(Exception):
    """An image, or a part of one, that cannot be read: the message names the image and what to do."""


class ImageNotFoundError(ImageError):
    """An image, tag or blob that is not there."""


class ImageDeniedError(ImageError):
    """A registry that does not let us read."""


class ImageUnsupportedError(ImageError):
    """A registry that does not do at all what it was asked for."""


class RegistryUnreachableError(ImageError):
    """A registry that does not answer, or answers that it cannot now: worth another try later."""
