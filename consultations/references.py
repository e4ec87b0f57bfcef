"""The number of a request that is said over the phone."""

import secrets

# Crockford's base 32 without look-alikes (https://www.crockford.com/base32.html).
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference():
    """Ten random characters (50 bits), such as 7QK2M-XH4TB: not guessed."""
    characters = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(10))
    return f"{characters[:5]}-{characters[5:]}"
