"""`make bench`: measure all cases, write results/<machine>.json, and RESULTS.md and README's table from all such files.

--quick        small sizes, a smoke run; nothing is written
--only REGEX   the cases whose section and name it is found in; nothing is written
--into         with --only: put the rows in the place of those this machine has stored, and keep its others
--render       RESULTS.md, the table in README.md and the pictures again, from the JSON files alone
--compare      all cases, or --only some, against those this machine has stored; nothing is written, and the exit code is 1 if one
               got slower
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import compare, report

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, text in (
        ("--quick", "small sizes, a smoke run"), ("--into", "with --only: store these rows beside the others this machine has"),
        ("--render", "write RESULTS.md, README's table and the pictures from the JSON files alone"),
        ("--compare", "measure, and say what got slower or faster than what is stored"),
    ):  # fmt: skip
        parser.add_argument(option, action="store_true", help=text)
    parser.add_argument("--only", metavar="REGEX", help="the cases whose section and name it is found in")
    options = parser.parse_args()
    if options.compare and (options.quick or options.into):
        parser.error("--compare: expected neither --quick, whose figures mean little, nor --into, as nothing is written. Leave it out.")
    if options.render:
        report.write()
        return 0

    from .machine import describe

    machine = describe()
    before = next((result for result in report.stored() if result["machine"]["name"] == machine["name"]), None)
    if options.compare and before is None:
        wanted = f"results/{machine['name']}.json to compare with"
        print(f"bench-compare: expected {wanted}, found none. Run `make bench` first.", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    failed = False
    for level in (None, *machine["levels"][:-1]):
        measured, status = measure(level, options)
        rows += measured
        failed |= status not in (0, 5)  # 5: --only left nothing to do
    path = HERE / "results" / f"{machine['name']}.json"
    if options.compare:
        if failed:
            print("A case failed or gave a wrong answer, see above; nothing was compared.", file=sys.stderr)
            return 1
        text, slower = compare.compare(before["rows"], rows)
        print(text)
        return int(slower)
    if options.into and options.only and not options.quick and not failed:
        rows = merged(json.loads(path.read_text())["rows"], rows)
    result = {"suite": "speed", "machine": machine, "rows": sorted(rows, key=lambda row: row["place"])}
    if options.quick or (options.only and not options.into):
        print(report.of_machine(result))
    elif not failed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        report.write()
        print(report.of_machine(result))
    if failed:
        print("A case failed or gave a wrong answer, see above; nothing was written.", file=sys.stderr)
    return int(failed)


def merged(stored: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored rows of the cases there still are, marked as of an earlier run, and those that were measured again in their place."""
    from .cases import CASES

    places = {(case.section, case.name): place for place, case in enumerate(CASES)}
    known = {(row["section"], row["name"]): row for row in [*({**row, "earlier": True} for row in stored), *rows]}
    return [{**row, "place": places[key]} for key, row in known.items() if key in places]


def measure(level: str | None, options: argparse.Namespace) -> tuple[list[dict[str, Any]], int]:
    """The rows of the cases of one instruction set (None: the machine's own), measured in a process of their own; its status."""
    environment = {key: value for key, value in os.environ.items() if key != "LRCORE_SIMD"} | {"JAX_PLATFORMS": "cpu"}
    if level is not None:
        environment["LRCORE_SIMD"] = level
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        arguments = [
            "benchmarks/test_speed.py",
            "-q",
            "-rsf",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore:Not saving",
            "--benchmark-quiet",
            f"--benchmark-json={told}",
        ]
        arguments += ["--quick"] * options.quick + ([f"--only={options.only}"] if options.only else [])
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=HERE.parent, env=environment, check=False)
        benchmarks = json.loads(told.read_text())["benchmarks"] if told.exists() and told.stat().st_size else []
    rows = [benchmark["extra_info"] for benchmark in benchmarks]
    return [row for row in rows if "place" in row], done.returncode  # a row whose answers were wrong has no figures


if __name__ == "__main__":
    sys.exit(main())
