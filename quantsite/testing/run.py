"""``make test``: the suite on PostgreSQL and Redis, the smoke tests on the embedded default, the coverage floor.

Arguments go to pytest; with any given, only the first part runs (``make test ARGS="accounts -k audit"``).
"""

import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

FLOOR = 85
COVERED = {"domain": "*/domain/*", "services": "*/services.py"}
SPREAD = ("-n", "2", "--dist", "worksteal")
SLOW = "test_many_legs_with_many_lots_find_room"
"""Two minutes without numba, and it is about the compiled tables."""
KEYS = ("tests", "failures", "errors", "skipped")


def main(arguments: list[str]) -> int:
    """Run everything, print one closing line, and return 0 only if all of it passed."""
    if arguments:
        return _pytest(*arguments)
    with tempfile.TemporaryDirectory(prefix="quantsite-run-") as folder:
        reports = [Path(folder) / name for name in ("servers.xml", "interpreted.xml", "embedded.xml")]
        _say("the compiled ledger, once for all processes that follow")
        code = _call([sys.executable, "-m", "backtests.warm"], dict(os.environ))
        _say("the suite on PostgreSQL and Redis")
        code = _pytest(*SPREAD, "--durations=10", "--cov", "--cov-report=", f"--junitxml={reports[0]}") or code
        _say("the ledger once more, interpreted: what is compiled must do what stands in the source")
        code = _interpreted(reports[1]) or code
        _say("the smoke tests on the embedded default")
        code = _pytest(*SPREAD, "-m", "embedded and not soak", f"--junitxml={reports[2]}", size="embedded") or code
        code = _coverage() or code
        _close(reports)
    return code


def _pytest(*arguments: str, size: str = "servers") -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return _call(command, {**os.environ, "QUANTSITE_TEST_SIZE": size})


def _interpreted(report: Path) -> int:
    """The engine's tests without numba: coverage sees no compiled line, and both must agree with the references."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    try:
        chosen = ("backtests/tests/domain", "-k", f"test_engine and not {SLOW}", "-m", "not real_data and not soak")
        return _pytest(*SPREAD, *chosen, "--cov", "--cov-append", "--cov-report=", f"--junitxml={report}")
    finally:
        del os.environ["NUMBA_DISABLE_JIT"]


def _coverage() -> int:
    """0 if the lines of every group in ``COVERED`` are covered well enough."""
    failed = 0
    for name, pattern in COVERED.items():
        _say(f"lines covered in {name} (at least {FLOOR} %)")
        command = [sys.executable, "-m", "coverage", "report", f"--include={pattern}", f"--fail-under={FLOOR}"]
        failed = _call(command, dict(os.environ)) or failed
    return failed


def _call(command: list[str], environment: dict[str, str]) -> int:
    """The exit code. On Ctrl-C the child got the same signal and clears up first; on another it ends with us."""
    with subprocess.Popen(command, env=environment) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise
        except SystemExit:
            child.terminate()
            raise


def _close(reports: list[Path]) -> None:
    """One line with the sums of all runs."""
    sums = Counter[str]()
    for report in reports:
        if report.exists():
            for suite in ET.parse(report).iter("testsuite"):  # noqa: S314
                sums.update({key: int(suite.get(key, "0")) for key in KEYS})
    failed = sums["failures"] + sums["errors"]
    passed = sums["tests"] - failed - sums["skipped"]
    sys.stdout.write(f"\ntests: {passed} passed, {failed} failed, {sums['skipped']} skipped\n")


def _say(text: str) -> None:
    sys.stdout.write(f"\n== {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
