"""A patient's photographs: listed on the page of the request, served one by one to staff."""

from auditlog.signals import accessed
from django.http import Http404, HttpResponse

from practice.encryption import DecryptionError

from .. import photos
from ..models import ConsultationRequest, Photo


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
    row.get_additional_data = lambda: {"looked_at": f"photograph {photo.pk}"}
    accessed.send(ConsultationRequest, instance=row)
    response = HttpResponse(picture, content_type="image/jpeg")
    response["Content-Disposition"] = f'inline; filename="photograph-{photo.pk}.jpg"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
