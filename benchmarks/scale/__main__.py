"""The proof: many clips, with workers killed, faults of the provider, and two accounts (`make scale`).

    python benchmarks/scale [SIZE…] [--prefect [--after 0]] [--into FOLDER] [--workers 3] [--chunk 100] [--seed 1]

Through the core, or with `--prefect` through deployed runs on workers of a server with PostgreSQL; `--after` has the
core make as many clips before them, which the provider and the store know then. Sizes are 100, 1,000 and 10,000 unless
given; 100,000 take three hours. With `--into` store and provider are left in a folder, and the next call goes on where
this one ended: for a hundred thousand in parts, and for what 1,000 more cost in a store that has them.

Every hundredth prompt has a fault of the provider in it; workers are killed at moments that the seed draws, and what
they did is started again. In the end the provider's books are compared with the store: exit code 1 if a clip was bought
twice, lost, or is not explained, or if what a clip costs grows by more than a fifth from one size to the next.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

import through_core
import through_prefect
from books import Proof, growth, table


def main() -> int:
    """Exit code 1 if the books do not agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1_000, 10_000])
    parser.add_argument("--prefect", action="store_true", help="through deployed runs, with PostgreSQL")
    parser.add_argument("--after", type=int, default=0, help="clips that were made before")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="go on in this folder, and leave it")
    parser.add_argument("--workers", type=int, help="3; with Prefect 2")
    parser.add_argument("--chunk", type=int, default=100, help="clips of a process")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.after and not asked.prefect:
        parser.error("--after is for --prefect")
    # Servers and workers have to end with this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    way = partial(through_prefect.prove, after=asked.after) if asked.prefect else through_core.prove
    proofs: list[Proof] = []
    for size in asked.sizes:
        folder = asked.into or Path(tempfile.mkdtemp(prefix=f"scale-{size}-"))
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "made"
        first = int(made.read_text()) if made.exists() else 0
        workers = asked.workers or (2 if asked.prefect else 3)
        proofs.append(way(size, workers, asked.chunk, random.Random(asked.seed), folder, first))
        made.write_text(str(first + size + asked.after))
        # What broke off, after hours perhaps, is left to be looked at.
        if asked.into is None:
            shutil.rmtree(folder)
        print(table(proofs[-1:]), flush=True)
    print(f"\n{table(proofs)}")
    grown = [what for before, after in itertools.combinations(proofs, 2) for what in growth(before, after)]
    for what in grown:
        print(f"grows: {what}")
    return 1 if grown or any(proof.bad for proof in proofs) else 0


if __name__ == "__main__":
    sys.exit(main())
