"""Sets Django up; a benchmark that needs models imports this first."""

import django

django.setup()
