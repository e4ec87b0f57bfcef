"""Email addresses as this site takes them: each is one recipient, whatever is typed."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email


def one_recipient(address):
    """Raises ValidationError for what is no address, or not one that the mail queue can hold.

    Before the @ nearly everything is allowed within quotes. The queue keeps recipients in one
    text with commas between them, so such an address would be several there, some of them
    strangers'.
    """
    validate_email(address)
    if '"' in address:
        raise ValidationError("Enter an address without quotation marks.", "invalid")


class AddressField(forms.EmailField):
    """For every form whose address gets mail."""

    default_validators = [one_recipient]
    default_error_messages = {"invalid": "Enter an email address like name@example.com."}
