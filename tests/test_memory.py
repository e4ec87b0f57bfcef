"""What a picture costs in memory, measured in a process of its own."""

import json
import struct
import subprocess
import sys
import zlib

import pytest
from django.conf import settings

from tests import picture_files as files
from tests.environment import VALUES

pytestmark = [pytest.mark.once, pytest.mark.processes]

# Its peak counts from its own start: a child's `ru_maxrss` may begin with its parent's.
SCRIPT = """
import json, resource, sys, warnings
from pathlib import Path

def peak():
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

import django
django.setup()
from django.core.management import call_command
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import setup_test_environment
from consultations.patient_page import private_link
from consultations.models import ConsultationRequest
from practice.models import Practice
from tests import picture_files as files
from tests.pages import Page

setup_test_environment()
call_command("migrate", verbosity=0)
Practice.objects.create(name="Example", phone="+15125550100", email="hello@example.com")
request = ConsultationRequest(full_name="Ada", email="ada@example.com")
private_link.issue(request)
request.save()
address = private_link.path(request) + "photos/"
client = Client(headers={"X-Forwarded-Proto": "https"})

def send(data, name):
    response = client.post(address, {"photos-view_0": SimpleUploadedFile(name, data)})
    page = Page(response) if response.status_code == 422 else None
    return response.status_code, page and page.error_of("photos-view_0")

assert send(files.plain(), "warm.jpg")[0] == 302
before = peak()
for path in sys.argv[1:]:
    status, message = send(Path(path).read_bytes(), "picture.png")
    print(json.dumps({"status": status, "says": message, "grew": peak() - before}))
"""
MEGABYTE = 1024 * 1024


def really(width, height):
    """A PNG that keeps its header's promise: all black, and a thousandth of its size."""

    def chunk(name, data):
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    packer, row = zlib.compressobj(9), b"\0" * (1 + 3 * width)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


# In the order in which they are sent: the peak only ever grows.
REFUSED = {
    # Decoded, this one would be 800 MB.
    "a bomb of 200 megapixels": lambda: really(20_000, 10_000),
    "a PNG as large as a JPEG may be": lambda: really(10_000, 6_000),
    "a JPEG that has to be read whole": lambda: files.plain((8_000, 6_000), progressive=True),
}
TAKEN = {
    "a JPEG of 50 megapixels": lambda: files.plain((8_160, 6_120)),
    "the largest PNG": lambda: really(5_000, 5_000),
}


def test_too_large_pictures_are_refused_in_words_and_memory_stays_flat(tmp_path):
    paths = [tmp_path / name for name in REFUSED | TAKEN]
    for path, make in zip(paths, (REFUSED | TAKEN).values(), strict=True):
        path.write_bytes(make())
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *map(str, paths)],
        cwd=settings.BASE_DIR,
        env=VALUES
        | {
            "DJANGO_SETTINGS_MODULE": "tests.process_settings",
            "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
            "MEDIA_ROOT": str(tmp_path / "media"),
            "PRIVATE_MEDIA_ROOT": str(tmp_path / "private_media"),
        },
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    results = dict(zip(REFUSED | TAKEN, map(json.loads, ran.stdout.splitlines()), strict=True))

    for name in REFUSED:
        assert results[name]["status"] == 422, name
        assert "million pixels" in results[name]["says"], name
        assert results[name]["grew"] < 30 * MEGABYTE, name
    # What is taken fits into memory many times.
    for name in TAKEN:
        assert results[name]["status"] == 302, name
        assert results[name]["grew"] < 200 * MEGABYTE, name
