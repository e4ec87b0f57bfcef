"""Choosing a picture in the admin, with the one that it would replace in sight."""

from django.contrib.admin.widgets import AdminFileWidget
from django.utils.html import format_html

from ..media import renditions

HIDDEN = "One is on file. Nobody can see it, since no consent for it is in force on a live page."


class StoredFileInput(AdminFileWidget):
    initial_text = "Now"
    input_text = "Replace it with"
    clear_checkbox_label = "Remove it"


class PictureInput(StoredFileInput):
    # Off for a picture whose address answers nobody.
    can_be_seen = True

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        if context["widget"]["is_initial"]:
            context["widget"]["value"] = Thumbnail(value)
        return context

    def render(self, name, value, attrs=None, renderer=None):
        if self.can_be_seen or not self.is_initial(value):
            return super().render(name, value, attrs, renderer)
        chooser = super().render(name, None, attrs, renderer)
        return format_html(
            '<p class="file-upload">{}<br>{}: {}</p>', HIDDEN, self.input_text, chooser
        )


class Thumbnail:
    """The smallest size of a stored picture, as a link to the whole of it."""

    def __init__(self, file):
        self.file, self.url = file, file.url

    def __str__(self):
        width, height = renditions.size(self.file.name)
        smallest = renditions.widths(width)[0]
        name = renditions.name_of(self.file.name, smallest, "jpg")
        return format_html(
            '<img src="{}" alt="The picture on file" width="{}" height="{}" loading="lazy">',
            self.file.storage.url(name),
            smallest,
            round(height * smallest / width) if width else smallest,
        )
