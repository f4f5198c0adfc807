"""The Celery app: settings from Django, tasks from every app, beat entries from ``<app>/schedule.py``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")

app = Celery("quantsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
