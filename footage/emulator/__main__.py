"""`python -m footage.emulator`: the emulator alone."""

import argparse
import json
import sys

from footage.emulator.server import print_ready, serve


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
    parser.add_argument("--knobs", default="{}", metavar="JSON", help='for example \'{"render": "tiny"}\'')
    parser.add_argument("--child", action="store_true", help="print the URL on stdout, end when stdin closes")
    options = parser.parse_args()
    serve(
        options.port,
        options.speed,
        options.seed,
        options.faults,
        options.state,
        ready_line=_tell_parent if options.child else print_ready,
        end_with_stdin=options.child,
        knobs=json.loads(options.knobs),
    )


if __name__ == "__main__":
    main()
