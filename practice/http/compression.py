"""What is compressed on its way out: text. Pictures, fonts and spreadsheets already are."""

from django.middleware.gzip import GZipMiddleware

from ..caching.prepared_page import TEXT

COMPRESSED = (*TEXT, "image/svg+xml", "application/javascript")


class CompressionMiddleware(GZipMiddleware):
    """Django's, which would also compress a picture: slower, no smaller, and then neither its
    length nor its own ETag is known to the browser any more.

    Adds random padding, so that the length of a page tells nothing of the tokens in it.
    """

    def process_response(self, request, response):
        if response.get("Content-Type", "").startswith(COMPRESSED):
            return super().process_response(request, response)
        return response
