"""Finds a Chromium for the browser tests, or installs one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find():
    """The path of a Chromium that starts, or None. The variable CHROMIUM comes first."""
    if named := os.environ.get("CHROMIUM"):
        return named if _starts(named) else None
    for candidate in (*map(shutil.which, NAMES), *MAC_APPLICATIONS, _playwrights_own()):
        if candidate and _starts(candidate):
            return candidate
    return None


def find_or_install():
    """As `find`, after trying the system's packages and then Playwright's own download."""
    if (found := find()) or os.environ.get("CHROMIUM"):
        return found
    for commands in (_apt(), [[sys.executable, "-m", "playwright", "install", "chromium"]]):
        for command in commands:
            if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
                break
        if found := find():
            return found
    return None


def _starts(path):
    """Ubuntu's `chromium-browser` may be a stub that only advises to install a snap."""
    try:
        ran = subprocess.run([path, "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


def _apt():
    if not shutil.which("apt-get"):
        return []
    if os.geteuid() == 0:
        prefix = []
    elif subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        prefix = ["sudo", "-n"]
    else:
        return []
    get = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    return [[*get, "update"], [*get, "install", "-y", "--no-install-recommends", "chromium"]]


def _playwrights_own():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None
