"""Erasing what a person left with us, once a manager has typed which request."""

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.decorators import method_decorator

from practice.accounts.sign_in import recently_confirmed

from .. import one_matter, privacy
from ..staff_work.record_forms import EraseForm

INBOX = "admin:consultations_consultationrequest_changelist"
HELD = "A legal hold is on {}. It has to be released first."
JOINED = (
    "{} is merged into this request, and both are erased together. To erase it alone, undo the "
    "merge first."
)
GONE = "{} is erased already, by a colleague or by a second click. Nothing more was done."


@method_decorator(recently_confirmed)
def erase_view(admin, request, row):
    if row.duplicate_of_id:  # Whose patient would be told that everything is erased.
        admin.message_user(request, JOINED.format(row.reference), messages.INFO)
        return redirect("admin:consultations_consultationrequest_erase", row.duplicate_of_id)
    form = EraseForm(request.POST if request.method == "POST" else None, row=row)
    if form.is_bound and form.is_valid():
        try:
            counts = privacy.erase_person(row, reason=form.cleaned_data["reason"], by=request.user)
        except privacy.Held:
            form.add_error(None, HELD.format(" and ".join(one_matter.holds_on(row))))
        except privacy.Gone:
            admin.message_user(request, GONE.format(row.reference), messages.WARNING)
            return redirect(INBOX)
        else:
            told = "The patient is told by email." if row.email else "Tell the patient by phone."
            words = f"Erased: {sum(counts.values())} records. {told}"
            admin.message_user(request, words, messages.SUCCESS)
            return redirect(INBOX)
    if not form.is_bound and one_matter.together(row).exclude(deletion_asked_at=None).exists():
        form.initial["reason"] = form.fields["reason"].choices[0][0]
    return admin.framed(
        request,
        f"Erase {row.reference}?",
        "erase.html",
        status=400 if form.is_bound else 200,
        row=row,
        form=form,
        holds=one_matter.holds_on(row),
        merged=row.duplicates.defer("message"),
        photo_count=row.photos.count(),
        event_count=row.events.count(),
        audit_years=settings.AUDIT_YEARS,
    )
