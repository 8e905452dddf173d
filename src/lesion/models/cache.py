"""Where trained heads and saved models are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`LESION_CACHE`, or `lesion` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "lesion"
    return Path(os.environ.get("LESION_CACHE", default)).expanduser()
