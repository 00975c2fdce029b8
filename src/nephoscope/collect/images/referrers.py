"""List the referrers of an image: manifests whose subject it is, as a registry returns them.

Source: the OCI distribution specification 1.1, listing referrers.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.documents import ImageIndex
from nephoscope.collect.images.errors import ImageError, RegistryUnreachableError

if TYPE_CHECKING:
    from nephoscope.collect.images.documents import Descriptor
    from nephoscope.collect.images.registry import Registry

#: Referrers of one image that are listed, at most.
MOST = 200


def list_referrers(registry: Registry, repository: str, digest: str) -> tuple[Descriptor, ...] | None:
    """Return what refers to a manifest, None where the registry keeps no such list: then a tag may hold one.

    Raises RegistryUnreachableError.
    """
    path = f"/v2/{repository}/referrers/{check_digest_text(digest)}"
    try:
        pages = registry.iterate_pages(path, repository, ImageIndex)
        return tuple(islice((one for page in pages for one in page.manifests), MOST))
    except RegistryUnreachableError:
        raise
    except ImageError:
        return None  # registries of before 1.1 say in several ways that there is no such place
