"""How Django itself writes dates and times: as `moment` in practice/templatetags/text.py does."""
