"""A receiver in a process of its own, settings from the environment: `receiverprocess.py PORT GRACE_S FLAGS…`."""

import asyncio
import logging
import sys

from footage.context import open_context
from tasks.event_server import Place, serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with open_context() as context:
        asyncio.run(serve(context, Place("127.0.0.1", int(sys.argv[1])), sys.argv[3:], float(sys.argv[2])))
