"""Whom to believe about the client's address and scheme: the proxies in TRUSTED_PROXIES."""

import ipaddress
from functools import lru_cache

from django.conf import settings


class TrustedProxies:
    """The addresses and networks of TRUSTED_PROXIES."""

    def __init__(self, networks):
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def trust(self, address):
        address = _plain(address)
        if not address:
            return True  # A Unix socket: only this machine's proxy can reach it.
        if not _is_address(address):
            return False
        return any(ipaddress.ip_address(address) in network for network in self._networks)


class TrustedProxyMiddleware:
    """Puts the client's address into REMOTE_ADDR and drops forwarding headers of strangers.

    The client is the last address in X-Forwarded-For that is no trusted proxy: everything
    before it could have been written by anybody.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.proxies = TrustedProxies(settings.TRUSTED_PROXIES)

    def __call__(self, request):
        request.META["REMOTE_ADDR"] = _plain(request.META.get("REMOTE_ADDR", ""))
        if self.proxies.trust(request.META.get("REMOTE_ADDR", "")):
            # Taken out: others read its first entry, which the client may have written.
            hops = request.META.pop("HTTP_X_FORWARDED_FOR", "").split(",")
            for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
                if not _is_address(hop):
                    break
                request.META["REMOTE_ADDR"] = hop
                if not self.proxies.trust(hop):
                    break
        else:
            for header in ("FOR", "PROTO", "HOST", "PORT"):
                request.META.pop(f"HTTP_X_FORWARDED_{header}", None)
            request.META.pop("HTTP_X_REQUEST_ID", None)
        return self.get_response(request)


@lru_cache(1000)  # Each request of the same client asks several times.
def _plain(address):
    """203.0.113.7, which a socket for both IPv4 and IPv6 shows as ::ffff:203.0.113.7."""
    if not _is_address(address):
        return address
    return str(getattr(ipaddress.ip_address(address), "ipv4_mapped", None) or address)


@lru_cache(1000)
def _is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
