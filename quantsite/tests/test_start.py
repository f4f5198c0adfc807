"""What ``manage.py`` does before any command."""

from pathlib import Path

from quantsite.tests.settings_runs import run_python

SHELL = """
import manage, sys
sys.argv = ["manage.py", "shell", "-v0", "-c", "import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"]
manage.main()
"""


def test_no_search_for_garbage_walks_through_what_a_command_loaded(tmp_path: Path) -> None:
    done = run_python(SHELL, tmp_path)
    assert (done.stdout.split(), done.returncode) == (["True", "True"], 0), done.stderr


STOPPED = """
import django, os, signal, time
django.setup()
from django.core.management import call_command
from quantsite import live_parts
from quantsite.background import Part
from quantsite.management.commands import run_platform

def work(stop):
    while signal.getsignal(signal.SIGTERM) is run_platform._as_interrupt:
        time.sleep(0.01)  # until the server has taken the signal over
    os.kill(os.getpid(), signal.SIGTERM)
    stop.wait(60)
    print("in good order")

live_parts.parts = lambda options: [Part("work", lambda: work)]
run_platform.refuse_old_tables = lambda: None
call_command("run_platform", "--port", "0", "--static-ready", "--feed", "none")
"""


def test_what_runs_beside_the_pages_ends_in_good_order_when_the_process_is_told_to_end(tmp_path: Path) -> None:
    done = run_python(STOPPED, tmp_path)
    assert "in good order" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
