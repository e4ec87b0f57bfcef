"""No settings of gunicorn's beside those of the command line: the same for site and reference."""
