"""Side by side: this project and the usual scripts and tools (`make bench`, under ten minutes; `make bench-full`).

    python benchmarks/compare [--full] [--only WORD] [--write]

Prints one table; `--write` puts it into benchmarks/README.md, with a picture and the machine: of the rows that were
measured now, and for the others of what `figures.json` has of earlier ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import files
import generation
import page
import starts
from rows import Row

HOUR = "an hour with an outage of five minutes"


def main() -> None:
    """Tells which rows somebody else is ahead in; that is no failure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="also the long rows, and more runs of the others")
    parser.add_argument("--only", metavar="WORD", default="", help="rows with this word")
    parser.add_argument("--write", action="store_true", help="write benchmarks/README.md and its picture")
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="compare-") as name, ThreadPoolExecutor(2) as beside:
        folder = Path(name)
        # These two are hardly any work for this machine, so they are waited for while the others are measured.
        hour = sequential = None
        if asked.full and asked.only in HOUR:
            hour = beside.submit(generation.outage, 300, 60.0, 300.0, 1200.0, folder)
        if asked.full and asked.only in "60 clips":
            sequential = beside.submit(generation.one_after_the_other, 60, folder)
        for what, measure in _measures(folder, sequential, full=asked.full):
            if asked.only in what:
                print(f"{what} …", file=sys.stderr, flush=True)
                rows.extend(measure())
        if hour is not None:
            print(f"{HOUR} …", file=sys.stderr, flush=True)
            rows.extend(hour.result())
    if asked.write:
        command = f"make {'bench-full' if asked.full else 'bench'}"
        rows = page.write(rows, command=command, whole=asked.full and not asked.only)
    print(page.table(rows))
    behind = [row.what for row in rows if len(row.figures) > 1 and not row.ahead]
    for what in behind:
        print(f"behind: {what} (why: benchmarks/README.md)")


def _measures(
    folder: Path, sequential: Future[generation.Measured] | None, *, full: bool
) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    runs = 3 if full else 1
    yield "start", lambda: [*starts.commands(5 if full else 3, folder / "starts"), starts.imports(5)]
    for length_s in (20.0, 60.0, 120.0):
        yield f"clip of {length_s:g} s", lambda s=length_s: [generation.one_clip(s, 2 if full else 1, folder)]
    yield "60 clips", lambda: [generation.many_clips(60, runs, folder, sequential)]
    if full:
        yield "200 clips", lambda: [generation.many_clips(200, 1, folder)]
    else:
        yield "outage", lambda: generation.outage(45, generation.CLIP_S, 10.0, 25.0, folder)
    yield "files", lambda: [files.to_disk(30, 9), files.to_s3(30, 5)]
    if full:
        yield "films", lambda: [files.to_disk(1024, 3), files.to_s3(1024, 3)]


if __name__ == "__main__":
    main()
