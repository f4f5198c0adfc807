#!/usr/bin/env python
"""The command line of the project: ``python manage.py help`` lists what it can do."""

import gc
import os
import sys


def main() -> None:
    """Run one management command with the project's settings."""
    gc.disable()  # what loads now stays: looking through it for garbage is a quarter of the start; see ConsoleConfig
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
