"""``make test``: the suite on PostgreSQL and Redis, the smoke tests on the embedded default, the coverage floor.

Arguments go to pytest; with any given, only the first part runs (``make test ARGS="accounts -k audit"``).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from operator import itemgetter
from pathlib import Path

FLOOR = 85
COVERED = {"domain": "*/domain/*", "services": "*/services.py,*/verbs/*"}
SPREAD = ("-n", "4", "--dist", "worksteal")
"""More than there are cores: half the time of the tests of processes and pages is waiting."""
SLOW = "test_many_legs_with_many_lots_find_room"
"""Two minutes without numba, and it is about the compiled tables."""
LONGEST = 25
KEYS = ("tests", "failures", "errors", "skipped")


def main(arguments: list[str]) -> int:
    """Run everything, print one closing line, and return 0 only if all of it passed."""
    if arguments:
        return _pytest(*arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="quantsite-run-") as folder:
        reports = [Path(folder) / name for name in ("interpreted.xml", "servers.xml", "embedded.xml")]
        _say("the ledger compiled, once for all processes that follow; beside it the tests of the ledger, interpreted")
        code = _prepare(reports[0])
        _say("the suite on PostgreSQL and Redis")
        cover = ("--cov", "--cov-append", "--cov-report=")
        code = _pytest(*SPREAD, "--durations=10", *cover, f"--junitxml={reports[1]}") or code
        _say("the smoke tests on the embedded default")
        code = _pytest(*SPREAD, "-m", "embedded and not soak", f"--junitxml={reports[2]}", size="embedded") or code
        code = _coverage() or code
        _close(reports, time.monotonic() - began)
    return code


def _pytest(*arguments: str, size: str = "servers") -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return _call(command, _environment(size))


def _environment(size: str) -> dict[str, str]:
    return {**os.environ, "QUANTSITE_TEST_SIZE": size}


def _prepare(report: Path) -> int:
    """0 if the ledger could be compiled and its tests passed without that: each keeps one core busy.

    First all tests are read, as each worker would otherwise; what is wrong with them the suite tells.
    """
    with subprocess.Popen([sys.executable, "-m", "backtests.warm"]) as compiling:
        try:
            reading = [sys.executable, "-m", "pytest", "--collect-only", "-qq"]
            subprocess.run(reading, env=_environment("embedded"), capture_output=True, check=False)
            failed = _interpreted(report)
            return compiling.wait() or failed
        except BaseException:
            compiling.terminate()
            raise


def _interpreted(report: Path) -> int:
    """The engine's tests without numba: what is compiled must do what stands in the source.

    Coverage sees no compiled line, and both must agree with the references.
    """
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    try:
        chosen = ("backtests/tests/domain", "-k", f"test_engine and not {SLOW}", "-m", "not real_data and not soak")
        cover = ("--cov", "--cov-report=")
        return _pytest("-n", "2", *chosen, *cover, f"--junitxml={report}", size="embedded")
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


def _close(reports: list[Path], taken: float) -> None:
    """How long it took and which files take longest, then one line with the sums of all runs."""
    sums = Counter[str]()
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        if report.exists():
            for suite in ET.parse(report).iter("testsuite"):  # noqa: S314
                sums.update({key: int(suite.get(key, "0")) for key in KEYS})
                for test in suite.iter("testcase"):
                    seconds[test.get("classname", "")] += float(test.get("time", "0"))
    longest = ", ".join(
        f"{name} {spent:.0f}" for name, spent in sorted(seconds.items(), key=itemgetter(1), reverse=True)[:LONGEST]
    )
    sys.stdout.write(f"\n{sum(seconds.values()):.0f} s of tests in {taken:.0f} s, of which {longest}\n")
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
