"""Where the sample content lies and how its files are read."""

import tomllib
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "sample_content"


def read(name):
    """One TOML file of the sample content as a dictionary."""
    return _bare(tomllib.loads((FOLDER / name).read_text(encoding="utf-8")))


def read_all(folder):
    """Every TOML file in one folder, by file name."""
    return [read(path.relative_to(FOLDER)) for path in sorted((FOLDER / folder).glob("*.toml"))]


def _bare(value):
    """The value without the line breaks at both ends of its texts."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if isinstance(value, dict):
        return {name: _bare(each) for name, each in value.items()}
    return value
