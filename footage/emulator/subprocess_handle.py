"""The emulator in a process of its own, for tests, benchmarks and demos."""

import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from footage.emulator.faults import FaultOrder
from footage.emulator.knobs import Knobs
from footage.emulator.shared_instance import last_words, spawn

DEMO_KEY = "sk-emulator"
_ADMIN_TIMEOUT_S = 30
# A hundred thousand tasks are hundreds of megabytes.
_LEDGER_TIMEOUT_S = 600


class Emulator:
    """A context manager that runs the emulator in the background.

    >>> with Emulator(speed=60) as emulator:
    ...     dashscope.base_http_api_url = emulator.base_url

    Args:
        port: 0 takes a free one; it stays the same over `restart`.
        speed: Virtual seconds per real second.
        seed: Of everything the emulator chooses.
        faults: Orders as in a fault script: `{"fault": "query-reset", "times": 2}`.
        state_dir: Where state is kept; none: a temporary directory that lives as long as the context.
        knobs: Fields of `Knobs`, by name.

    Raises:
        ValueError: A knob or a fault order is wrong.
        RuntimeError: The process ended before it was ready; its own words are in the message.
    """

    api_key = DEMO_KEY

    def __init__(
        self,
        port: int = 0,
        speed: float = 1.0,
        seed: int = 0,
        faults: Sequence[Mapping[str, Any]] | None = None,
        state_dir: str | Path | None = None,
        **knobs: Any,
    ) -> None:
        Knobs.from_mapping(knobs)
        for item in faults or ():
            FaultOrder.parse(item)
        self._port, self._speed, self._seed = port, speed, seed
        self._faults = [dict(item) for item in faults or ()]
        self._knobs = knobs
        self._state_dir = Path(state_dir) if state_dir is not None else None
        self._spare: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def __enter__(self) -> "Emulator":
        self.start()
        if self._faults:
            self.fault(*self._faults)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._spare is not None:
            self._spare.cleanup()
            self._spare = None

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return self.base_url.removesuffix("/api/v1")

    @property
    def state_dir(self) -> Path:
        if self._state_dir is not None:
            return self._state_dir
        if self._spare is None:
            self._spare = tempfile.TemporaryDirectory(prefix="wan-emulator-")
        return Path(self._spare.name)

    @property
    def pid(self) -> int:
        """Process id. RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError("the emulator does not run")
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it accepts connections."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        options = ["--child", "--port", str(self._port), "--speed", str(self._speed)]
        options += ["--seed", str(self._seed), "--knobs", json.dumps(self._knobs)]
        self._process = spawn(self.state_dir, *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not line:
            self.stop()
            raise RuntimeError(f"the emulator did not start: {last_words(self.state_dir)}")
        self.base_url = line
        self._port = int(line.rsplit(":", 1)[1].split("/")[0])

    def stop(self) -> None:
        """End the process in an orderly way."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self) -> None:
        """`kill -9`: nothing is saved that was not saved before."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def restart(self) -> None:
        """Start again on the same port with the same state."""
        self.stop()
        self.start()

    def ledger(self, tasks: bool = True) -> dict[str, Any]:
        """What the service received, accepted, billed and sent; see the table in the emulator's README.

        `tasks=False` leaves out the tasks themselves, which are most of it.
        """
        return self._admin("GET", "ledger" if tasks else "ledger?tasks=no", timeout_s=_LEDGER_TIMEOUT_S)

    def health(self) -> dict[str, Any]:
        """Virtual time `now_s`, `speed`, the number of tasks `accepted`, and `cpu_s`, its own without rendering."""
        return self._admin("GET", "health")

    def tasks(self) -> list[dict[str, Any]]:
        """Every task ever accepted, with the body as received."""
        return self._admin("GET", "tasks")

    def fault(self, *orders: Mapping[str, Any] | str, **conditions: Any) -> None:
        """Order faults: `fault("query-reset", times=2)` or whole orders as mappings.

        Raises:
            ValueError: An order is wrong; the message lists what is known.
        """
        items = [
            {"fault": order, **conditions} if isinstance(order, str) else dict(order) for order in orders
        ]
        self._admin("POST", "faults", items)

    def clear_faults(self) -> None:
        self._admin("DELETE", "faults")

    def turn(self, **knobs: Any) -> None:
        """Change knobs while it runs."""
        self._admin("POST", "knobs", knobs)

    def advance(self, seconds: float) -> None:
        """Jump ahead in virtual time; whatever was due in between happens."""
        self._admin("POST", "clock", {"advance_s": seconds})

    def _admin(self, method: str, route: str, body: Any = None, timeout_s: float = _ADMIN_TIMEOUT_S) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_emulator/{route}", data, method=method)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_s) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["error"]) from None
