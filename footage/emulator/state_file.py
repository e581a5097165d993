"""What survives a killed emulator: one SQLite file in the state directory."""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from footage.emulator.start_error import CannotStart, StateInUse
from footage.emulator.tasks import Plan, Task


class StateFile:
    """Tasks and named values. Writes are whole or absent after `kill -9` (not after a power cut).

    Raises:
        StateInUse: Another process has this folder open as a store.
        CannotStart: Nothing can be kept there, or what is there was not made by this emulator.
        OSError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(
                folder / "emulator.sqlite", isolation_level=None, check_same_thread=False, timeout=0.2
            )
            self._open()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StateInUse("state", folder, "another emulator works with this folder") from None
            raise CannotStart("state", folder, f"nothing can be kept there ({error})") from None

    def _open(self) -> None:
        # One process at a time: the lock is taken now, and the system gives it back however the process ends.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        # OFF: the operating system keeps what a killed process wrote, and a stand-in needs no more.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, record TEXT NOT NULL)")
        self._db.execute("CREATE TABLE IF NOT EXISTS value (name TEXT PRIMARY KEY, json TEXT NOT NULL)")

    def save_task(self, task: Task) -> None:
        record = json.dumps(asdict(task), ensure_ascii=False)
        self._db.execute(
            "INSERT INTO task VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            (task.task_id, record),
        )

    def tasks(self) -> list[Task]:
        """Every task, in the order of their making. CannotStart when another version wrote them."""
        rows = self._db.execute("SELECT record FROM task ORDER BY rowid").fetchall()
        try:
            return [_task(json.loads(record)) for (record,) in rows]
        except (TypeError, KeyError):
            why = "its tasks were kept by another version of the emulator; remove it or give another"
            raise CannotStart("state", self._folder, why) from None

    def save_value(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (name, json.dumps(value)))

    def value(self, name: str) -> Any:
        """The value, or none when it was never saved."""
        row = self._db.execute("SELECT json FROM value WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def close(self) -> None:
        self._db.close()


def _task(fields: dict[str, Any]) -> Task:
    plan, verdict = fields.pop("plan"), fields.pop("verdict")
    return Task(**fields, plan=Plan(**plan) if plan else None, verdict=tuple(verdict) if verdict else None)
