"""`make bench`, or `python -m benchmarks [parts] [--quick]`."""

import argparse
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import form, growth, lighthouse, machine, memory, pages, report, servers, weight
from .progress import Progress

PARTS = {
    "pages": pages,
    "form": form,
    "growth": growth,
    "memory": memory,
    "weight": weight,
    "lighthouse": lighthouse,
}
FOLDER = servers.ROOT / "docs" / "benchmarks"


@dataclass(frozen=True)
class Options:
    """`quick` tries the programs; its figures mean nothing and are written elsewhere."""

    rounds: int
    seconds: float
    quick: bool = False
    count: int | None = None


def main(arguments=None):
    asked = parser().parse_args(arguments)
    options = Options(
        rounds=asked.rounds or (2 if asked.quick else 7),
        seconds=asked.seconds or (0.3 if asked.quick else 4),
        quick=asked.quick,
        count=asked.count,
    )
    chosen = asked.parts or [part for part in PARTS if not (asked.quick and part == "lighthouse")]
    # Figures of a try-out must not pass for measured ones.
    folder = asked.into or (Path(tempfile.gettempdir()) / "benchmarks" if asked.quick else FOLDER)
    described, progress = machine.described(), Progress()
    results, not_measured = {}, {}
    for part in chosen:
        why = getattr(PARTS[part], "missing", str)()
        if why:
            not_measured[part] = why
            continue
        progress.begin(part)
        with servers.scratch() as place:
            results[part] = PARTS[part].measure(place, options, progress)
        progress.end()
        show(part, results[part])
    report.write(folder, described, results, not_measured)
    for part, why in not_measured.items():
        print(f"{part}: not measured, because {why}")
    print(f"\nWritten: {folder / 'README.md'}")


def parser():
    made = argparse.ArgumentParser(prog="make bench", description=__doc__)
    made.add_argument("parts", nargs="*", help=f"Some of {', '.join(PARTS)}; all without any.")
    made.add_argument("--quick", action="store_true", help="A few requests, to try the programs.")
    made.add_argument("--rounds", type=int, help="Pairs of each measurement (default 7).")
    made.add_argument("--seconds", type=float, help="Length of each (default 4).")
    made.add_argument("--count", type=int, help="Requests of the full inbox (default 1,000,000).")
    made.add_argument("--into", type=Path, help="The folder of the report.")
    return made


def show(part, lines):
    print(f"\n{report.TITLES[part]}")
    for line in lines:
        target = "" if line.is_met is None else ("  met" if line.is_met else "  MISSED")
        values = f"{report.number(line.value)} : {report.number(line.reference_value)} {line.unit}"
        print(f"  {line.name:<62} {values:>28} {line.ratio:>8.2f}{target}")
        for plan in line.details.get("plans", ()):
            print(f"      {plan}")


if __name__ == "__main__":
    # A polite kill must stop the servers on the way out, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
