"""References of images: registry, tag, digest."""

from __future__ import annotations

from nephoscope.collect.templates.docker.parser import Dockerfile, Stage

DEFAULT_REGISTRY = "docker.io"


def is_image(file: Dockerfile, stage: Stage, variables: bool = False) -> bool:
    """Tell whether a stage builds on an image of a registry whose name is written out (or, with `variables`, by a variable)."""
    image = stage.image
    if not image or image.lower() == "scratch" or file.find_base_stage(stage.index) is not None:
        return False
    return variables or "$" not in image


def get_image_digest(image: str) -> str:
    """Return the digest of a reference, '' without."""
    return image.partition("@")[2]


def get_image_tag(image: str) -> str:
    """Return the tag of a reference, '' without."""
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[2]


def get_image_registry(image: str) -> str:
    """Return the host of the registry of a reference."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY
