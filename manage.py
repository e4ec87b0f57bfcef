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
    from environs import EnvValidationError

    try:
        execute_from_command_line(sys.argv)
    except EnvValidationError as error:
        sys.exit(f"Not started. {error}")


if __name__ == "__main__":
    main()
