"""What belongs to one request beside its page and its acts, each at an address of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from . import erasure, handing_over, merging, photographs, presence_view, writing

LOOK = "consultations.view_consultationrequest"
WORK = "consultations.triage_request"
ERASE = "consultations.erase_request"
EXPORT = "consultations.export_request"


@dataclass(frozen=True)
class RequestPage:
    """`view(admin, http request, row, **parts of the address)`, for those with `permission`."""

    name: str
    route: str
    view: Callable
    permission: str
    # Acts only: what comes by GET (after signing in again) is led to the request.
    is_post_only: bool = False


PAGES = (
    RequestPage("photo", "photo/<int:photo_pk>/", photographs.photo_view, LOOK),
    RequestPage("presence", "presence/", presence_view.presence_view, LOOK, is_post_only=True),
    RequestPage("merge", "merge/", merging.merge_view, WORK),
    RequestPage("letter", "letter/", writing.letter_view, WORK),
    RequestPage("send_again", "send-again/", writing.send_again_view, WORK, is_post_only=True),
    RequestPage("hand_over", "hand-over/", handing_over.hand_over_view, EXPORT),
    RequestPage("erase", "erase/", erasure.erase_view, ERASE),
)
