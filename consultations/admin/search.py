"""Finding a request by what a caller says: name, reference, e-mail address or phone number.

Never by what they wrote: that is encrypted, and searching it would mean reading it.
"""

import re

import phonenumbers
from django.conf import settings
from django.db.models import Q

# Crockford's base 32: what people read or hear instead of a digit.
LOOK_ALIKES = str.maketrans("OIL", "011")
FEWEST_DIGITS = FEWEST_CHARACTERS = 4


def find(requests, query: str):
    """Requests of any state that match; a phone number matches in whatever way it is written."""
    query = " ".join(query.split())
    found = by_reference(query) | _email(query) | _phone(query)
    # Looking through all names takes as long as there are requests; no name has a digit.
    if not found or not re.search(r"[\d@]", query):
        found |= _name(query)
    return requests.filter(found)


def _name(query):
    """Every word is in the name, the name they go by, or their guardian's."""
    found = Q()
    for word in query.split():
        found &= (
            Q(full_name__icontains=word)
            | Q(preferred_name__icontains=word)
            | Q(guardian_name__icontains=word)
        )
    return found


def _email(query):
    if "@" not in query or " " in query or len(query) < FEWEST_CHARACTERS:
        return Q()
    is_whole = "." in query.partition("@")[2]
    return Q(email__iexact=query) if is_whole else Q(email__icontains=query)


def by_reference(query):
    """From five characters on, in any case, with or without the dash."""
    plain = re.sub(r"[\s-]", "", query).upper().translate(LOOK_ALIKES)
    if not re.fullmatch(r"[0-9A-Z]{5,10}", plain):
        return Q()
    reference = f"{plain[:5]}-{plain[5:]}"
    return Q(reference=reference) if len(plain) == 10 else Q(reference__startswith=reference)


def _phone(query):
    """A whole number exactly, or any four or more digits of one in a row."""
    if re.search(r"[^\d\s()+./x-]", query):
        return Q()
    digits = re.sub(r"\D", "", query)
    if len(digits) < FEWEST_DIGITS:
        return Q()
    try:
        number = phonenumbers.parse(query, settings.PHONENUMBER_DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return Q(phone__contains=digits)
    whole = phonenumbers.is_possible_number_with_reason(number)
    if whole != phonenumbers.ValidationResult.IS_POSSIBLE:
        return Q(phone__contains=digits)
    return Q(phone=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
