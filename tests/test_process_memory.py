"""What a web process holds before anybody has asked: what all need, and nothing that few do."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from benchmarks import __main__ as bench
from benchmarks import memory, report
from tests.environment import VALUES

pytestmark = pytest.mark.once
ROOT = settings.BASE_DIR
# Object storage, backups, spreadsheets: megabytes of code, for a few requests of a year.
FOR_FEW = {"boto3", "botocore", "storages", "pyrage", "xlsxwriter"}
# Addresses with their views, and what templates load: the first visitor would wait for these.
FOR_ALL = {"practice.urls", "procedures.views", "practice.templatetags.text"}


def test_before_the_first_request_it_has_read_what_every_one_needs_and_no_more():
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, practice.wsgi; print(json.dumps([*sys.modules]))",
        ],
        cwd=ROOT,
        env=VALUES,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    read = set(json.loads(ran.stdout))

    assert read >= FOR_ALL
    assert not FOR_FEW & read


def test_what_is_measured_is_what_is_shipped():
    ((name, value),) = memory.AS_SHIPPED.items()
    for path in ("Dockerfile", "deploy/systemd/practice-web.service"):
        assert f"{name}={value}" in (ROOT / path).read_text()


def test_every_part_of_the_benchmarks_has_a_title_and_is_explained():
    assert set(bench.PARTS) == set(report.TITLES) == set(report.EXPLAINED)


def test_the_cache_of_pages_is_measured_without_the_pages_themselves():
    lines = memory._lines(
        resident={"bare": 40e6, "none": 80e6},
        beside_pages=88e6,
        pages="200 pages kept, less the 8 MB they are",
        share={"of four": 30e6, "alone": 60e6},
    )

    assert [(line.value, line.reference_value, line.is_met) for line in lines] == [
        (80, 40, None),
        (88, 80, True),
        (30, 60, None),
    ]
    assert lines[1].ratio == pytest.approx(1.1)
