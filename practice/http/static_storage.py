"""Static files in production: hashed names, compressed, each stylesheet in one piece.

In development a browser follows the `@import` lines of site.css. That would cost a visitor
one round trip after another, so `collectstatic` puts the imported files in their place.
"""

import posixpath
import re

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

IMPORT = re.compile(r'@import url\("([\w./-]+)"\)(?: layer\(([\w-]+)\))?;\n?')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Line breaks, spaces and semicolons that mean nothing to a browser, and what lines are indented by.
BREAK = re.compile(r";?\n\s*(?=})|(?<=[{};,])\n\s*|(?<=\n)\s+| (?={\n)|(?<=[\w-]:) ")


class StaticStorage(CompressedManifestStaticFilesStorage):
    def post_process(self, paths, dry_run=False, **options):
        if not dry_run:
            for name in [name for name in paths if name.endswith(".css")]:
                self._put_in_one_piece(name, paths)
        yield from super().post_process(paths, dry_run, **options)

    def _put_in_one_piece(self, name, paths):
        text = _read(name, paths)
        if not IMPORT.search(text):
            return
        folder = posixpath.dirname(name)

        def imported(match):
            inner = _read(posixpath.join(folder, match[1]), paths)
            return f"@layer {match[2]} {{\n{inner}\n}}\n" if match[2] else inner

        whole = BREAK.sub("", COMMENT.sub("", IMPORT.sub(imported, text))).strip()
        self.delete(name)
        self._save(name, ContentFile(whole.encode()))
        paths[name] = (self, name)


def _read(name, paths):
    storage, path = paths[name]
    with storage.open(path) as file:
        return file.read().decode()
