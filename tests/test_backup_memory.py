"""What a backup costs in memory: the same for a hundred megabytes of pictures as for none."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from tests.backups import IDENTITY, RECIPIENT
from tests.environment import VALUES

pytestmark = [pytest.mark.once, pytest.mark.processes]

MEGABYTE = 1024 * 1024
SCRIPT = """
import json, resource, sys, django
from pathlib import Path
django.setup()
from django.core.management import call_command
from practice.models import Practice

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # Its peak counts from its own start, not from its parent's.
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

folder, media = Path(sys.argv[1]), Path(sys.argv[2])
call_command("migrate", verbosity=0)
Practice.objects.create(name="Example", phone="+15125550100", email="hello@example.com")
call_command("backup", to=folder / "small.tar.age")
before = peak()
media.mkdir()
for number in range(20):
    (media / f"{number}.webp").write_bytes(b"x" * 5_000_000)
large = folder / "large.tar.age"
call_command("backup", to=large)
call_command("restore", large, identity=sys.argv[3], check=True)
call_command("restore", large, identity=sys.argv[3], replace=True)
print(json.dumps({"size": large.stat().st_size, "grew": peak() - before}))
"""


def test_memory_does_not_grow_with_the_pictures(tmp_path):
    (tmp_path / "identity.txt").write_text(str(IDENTITY))
    media = tmp_path / "media"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT]
        + [str(tmp_path / "backups"), str(media), str(tmp_path / "identity.txt")],
        cwd=settings.BASE_DIR,
        env=VALUES
        | {
            "DJANGO_SETTINGS_MODULE": "tests.process_settings",
            "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
            "MEDIA_ROOT": str(media),
            "PRIVATE_MEDIA_ROOT": str(tmp_path / "private"),
            "BACKUP_RECIPIENTS": RECIPIENT,
        },
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    measured = json.loads(ran.stdout.splitlines()[-1])
    assert measured["size"] > 100 * MEGABYTE * 0.95
    assert measured["grew"] < 40 * MEGABYTE
