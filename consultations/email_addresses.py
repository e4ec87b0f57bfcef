"""Addresses that look mistyped. A suggestion only: any valid address is accepted."""

from difflib import get_close_matches
from functools import lru_cache

COMMON_DOMAINS = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "aol.com",
    "live.com",
    "msn.com",
    "comcast.net",
    "verizon.net",
    "att.net",
    "sbcglobal.net",
    "protonmail.com",
    "proton.me",
    "me.com",
)
# Real domains that are one slip away from another; suggesting would offend their owners.
NOT_SLIPS = {"ymail.com", "gmx.com", "mail.com", "email.com", "aim.com", "live.ca"}


def likely_meant(address: str) -> str:
    """The address that was probably meant, or "" when nothing looks mistyped."""
    name, _, domain = address.rpartition("@")
    domain = domain.lower()
    if domain in COMMON_DOMAINS or domain in NOT_SLIPS:
        return ""
    close = _close(domain)
    return f"{name}@{close}" if close else ""


@lru_cache(1024)
def _close(domain):
    return next(iter(get_close_matches(domain, COMMON_DOMAINS, n=1, cutoff=0.85)), "")
