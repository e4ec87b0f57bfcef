"""Where the sample content lies and how its files are read."""

import tomllib
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "sample_content"


def read(name):
    """One TOML file of the sample content as a dictionary."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


def read_all(folder):
    """Every TOML file in one folder, by file name."""
    return [read(path.relative_to(FOLDER)) for path in sorted((FOLDER / folder).glob("*.toml"))]
