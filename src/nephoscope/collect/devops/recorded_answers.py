"""Answers that `gh api`, `glab api`, `az rest` or curl wrote into a folder, one file a request, named by its path."""

from __future__ import annotations

import re
