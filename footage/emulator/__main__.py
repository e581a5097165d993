"""`python -m footage.emulator`: the emulator alone."""

import argparse
import json
import sys

from footage.emulator.asgi_server import print_ready, serve
from footage.emulator.shared_instance import IN_USE_EXIT
from footage.emulator.start_error import CannotStart, StateInUse


def _tell_parent(base_url: str) -> None:
    sys.stdout.write(base_url + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m footage.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds per real second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", metavar="FILE", help="JSON or YAML list of fault orders")
    parser.add_argument("--state", metavar="DIR", help="keep tasks and clips here")
    parser.add_argument(
        "--knobs", type=json.loads, default={}, metavar="JSON", help='as in {"render": "tiny"}'
    )
    parser.add_argument("--child", action="store_true", help="print the URL on stdout, end when stdin closes")
    parser.add_argument("--idle", type=float, metavar="S", help="end when nobody was connected for so long")
    options = parser.parse_args()
    try:
        serve(
            options.port,
            options.speed,
            options.seed,
            options.faults,
            options.state,
            ready_line=_tell_parent if options.child else print_ready,
            end_with_stdin=options.child,
            idle_s=options.idle,
            knobs=options.knobs,
        )
    except CannotStart as error:
        parser.exit(IN_USE_EXIT if isinstance(error, StateInUse) else 2, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
