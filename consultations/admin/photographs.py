"""A patient's photographs: listed on the page of the request, served one by one to staff."""

import io

from auditlog.signals import accessed
from django.http import Http404, HttpResponse
from PIL import Image

from practice.encryption import DecryptionError

from .. import photos
from ..models import ConsultationRequest, Photo

# Of a log entry: which part of the request was looked at.
LOOKED_AT = "looked_at"
SMALL_SIDE = 480


def photo_view(admin, request, row, photo_pk):
    """The decrypted picture; every look at it is recorded with the request's other looks."""
    photo = Photo.objects.filter(request=row, pk=photo_pk).first()
    if photo is None:
        raise Http404
    try:
        picture = photos.read(photo)
    except DecryptionError:
        return admin.framed(
            request, "This photograph cannot be read", "photo_damaged.html", status=410, row=row
        )
    is_small = request.GET.get("size") == "small"
    words = f"{'thumbnail of ' if is_small else ''}photograph {photo.pk}"
    row.get_additional_data = lambda: {LOOKED_AT: words}
    accessed.send(ConsultationRequest, instance=row)
    response = HttpResponse(_small(picture) if is_small else picture, content_type="image/jpeg")
    response["Content-Disposition"] = f'inline; filename="photograph-{photo.pk}.jpg"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _small(picture):
    """For the list on the page: a phone need not load every picture in full."""
    image = Image.open(io.BytesIO(picture))
    image.draft("RGB", (SMALL_SIDE, SMALL_SIDE))  # Decodes no more than it has to.
    image.thumbnail((SMALL_SIDE, SMALL_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()
