"""What is compressed on its way out, and what goes as it is."""

import gzip

import pytest
from django.core.files.base import ContentFile
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from practice.http.compression import CompressionMiddleware
from tests import picture_files

pytestmark = pytest.mark.once
LONG = b"Plain facts, calmly told. " * 200


def sent(response):
    """The answer as it leaves to a browser that knows gzip."""
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip, br"})
    return CompressionMiddleware(lambda request: response)(request)


@pytest.mark.parametrize(
    ("kind", "is_compressed"),
    [
        ("text/html; charset=utf-8", True),
        ("text/css", True),
        ("text/csv; charset=utf-8", True),
        ("text/javascript", True),
        ("application/javascript", True),
        ("application/json", True),
        ("application/manifest+json", True),
        ("application/xml", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("image/webp", False),
        ("image/avif", False),
        ("image/jpeg", False),
        ("font/woff2", False),
        ("application/pdf", False),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_text_is_compressed_and_nothing_else(kind, is_compressed, is_streamed):
    made = StreamingHttpResponse([LONG]) if is_streamed else HttpResponse(LONG)
    made["Content-Type"] = kind

    answer = sent(made)
    body = answer.getvalue()

    assert answer.get("Content-Encoding") == ("gzip" if is_compressed else None)
    assert (gzip.decompress(body) if is_compressed else body) == LONG


def test_a_picture_keeps_its_length_and_its_tag_and_varies_with_nothing(tmp_path):
    path = tmp_path / "picture.webp"
    path.write_bytes(LONG)
    made = FileResponse(path.open("rb"))
    made["ETag"] = '"of-the-store"'

    answer = sent(made)

    assert answer["Content-Length"] == str(len(LONG))
    assert answer["ETag"] == '"of-the-store"'
    assert "Vary" not in answer
    assert answer.getvalue() == LONG


def test_pages_of_one_content_differ_in_length():
    """Else the length would tell an attacker which of his guesses stands in the page."""
    lengths = {len(sent(HttpResponse(LONG)).content) for _ in range(30)}

    assert len(lengths) > 3


@pytest.mark.django_db
def test_the_site_sends_pictures_as_they_are_and_pages_compressed(client, surgeon):
    surgeon.portrait = ContentFile(picture_files.plain((500, 500)), "portrait.jpg")
    surgeon.save()

    def get(address):
        return client.get(address, headers={"Accept-Encoding": "gzip"})

    picture, page = get(surgeon.portrait.url), get("/consultation/")

    assert "Content-Encoding" not in picture
    assert int(picture["Content-Length"]) == surgeon.portrait.size
    assert page["Content-Encoding"] == "gzip"
