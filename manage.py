#!/usr/bin/env python
"""Django's command line for the practice website."""

import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "practice.settings")
    if sys.argv[1:2] == ["generate_secrets"]:
        # It makes the secrets that the settings insist on, so it has to run without them.
        os.environ["DEBUG"] = "true"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
