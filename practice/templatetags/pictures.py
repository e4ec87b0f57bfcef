"""`{% picture file alt %}`: a responsive picture in the best format a browser knows."""

from django import template

from practice.media import renditions

register = template.Library()


@register.inclusion_tag("includes/picture.html")
def picture(file, alt, sizes="100vw", is_first=False):
    """`sizes` as in HTML; `is_first` for a picture in the first view, which is not lazy."""
    width, height = renditions.size(file.name)
    widths = renditions.widths(width)

    def url(each, ending):
        return file.storage.url(renditions.name_of(file.name, each, ending))

    return {
        "alt": alt,
        "sizes": sizes,
        "is_first": is_first,
        "width": width,
        "height": height,
        "sources": [
            {
                "type": media_type,
                "srcset": ", ".join(f"{url(each, ending)} {each}w" for each in widths),
            }
            for _, ending, media_type, _ in renditions.FORMATS[:-1]
        ],
        "srcset": ", ".join(f"{url(each, 'jpg')} {each}w" for each in widths),
        "src": url(widths[-1], "jpg"),
    }
