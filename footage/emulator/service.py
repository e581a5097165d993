"""The emulated service: tasks, clock, faults and books, kept on disk so that a kill loses nothing."""

import asyncio
import base64
import logging
import time
from collections import Counter, deque
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any, cast

from footage.emulator import reference_media
from footage.emulator.checks import foreign_names
from footage.emulator.clock import Clock
from footage.emulator.engine import GIVE_UP_S, Engine
from footage.emulator.faults import FaultBook, Subject
from footage.emulator.knobs import Knobs
from footage.emulator.media_inspection import inspect_media
from footage.emulator.model_specs import MODELS
from footage.emulator.oss import Uploads, sign_result
from footage.emulator.push import PushSender
from footage.emulator.refusals import BY_CODE, RefusedError
from footage.emulator.render_pool import RenderPool
from footage.emulator.state_file import StateFile
from footage.emulator.tasks import Task

_log = logging.getLogger(__name__)
_SAVE_EVERY_S = 0.25


class Service:
    """Everything behind the routes. Used from one event loop."""

    def __init__(self, folder: Path, speed: float, seed: int, knobs: Knobs) -> None:
        self.knobs = knobs
        self.rng = Random(seed)
        self.store = StateFile(folder)
        # After a kill the last save may be a moment old: start past it, so that time never goes back.
        saved_s = (self.store.value("now_s") or 0.0) + 2 * _SAVE_EVERY_S * speed
        self.clock = Clock(speed, max(time.time(), saved_s))
        self.engine = Engine(knobs, seed, self._task_changed)
        self.faults = FaultBook()
        self.uploads = Uploads(folder / "uploads")
        self.render_pool = RenderPool(folder, knobs)
        self.push = PushSender()
        self.host = ""  # scheme, host and port, for the URLs it hands out
        self.counts: Counter[str] = Counter(self.store.value("counts") or {})
        self._hits: dict[str, deque[float]] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s: float | None = None
        self._alarm_is_old = True
        if saved := self.store.value("faults"):
            self.faults.load(saved)
        self.engine.restore(self.store.tasks())

    def now_s(self) -> float:
        """The time, with everything done that was due by then."""
        now_s = self.clock.now_s()
        self.engine.advance(now_s)
        self._work()
        return now_s

    def _work(self) -> None:
        """Start what the engine asked for, and wake up again at its next event."""
        while self.engine.outbox:
            what, task = self.engine.outbox.popleft()
            self._start(self._inspect(task) if what == "inspect" else self._render(task))
        next_s = self.engine.next_event_s()
        if next_s == self._alarm_s and not self._alarm_is_old:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_s, self._alarm_is_old = None, next_s, False
        if next_s is not None:
            wait_s = max(0.0, self.clock.real_s(next_s - self.clock.now_s()))
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        self._alarm_is_old = True
        self.now_s()

    def advance(self, seconds: float) -> float:
        """Jump ahead in time. ValueError for a jump back."""
        self.clock.advance(seconds)
        self._alarm_is_old = True
        return self.now_s()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def keep_saving(self) -> None:
        """Save clock, counts and fault counts a few times a second; tasks are saved when they change."""
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            self.save()

    def save(self) -> None:
        self.store.save_value("now_s", self.clock.now_s())
        self.store.save_value("counts", dict(self.counts))
        self.store.save_value("faults", self.faults.dump())

    async def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for job in tuple(self._jobs):
            job.cancel()
        self.save()
        self.store.close()
        await self.render_pool.close()

    def turn(self, knobs: Knobs) -> None:
        """Change knobs while running; tasks already made keep what was decided for them."""
        self.knobs = self.engine.knobs = self.render_pool.knobs = knobs

    def accept(self, body: dict[str, Any], resolve_oss: bool, account: str) -> Task:
        """Make a task of a body that passed the checks made at once. Raises RefusedError."""
        now_s = self.now_s()
        model = str(body["model"])
        if not self.within_rate(f"{account}: create {model}", self.creates_per_second(model), now_s):
            raise RefusedError("Throttling.RateQuota")
        foreign_inputs, foreign_parameters = foreign_names(body)
        task = self.engine.accept(body, now_s, account)
        task.resolve_oss = resolve_oss
        self._put_image_apart(task)
        self.counts.update(f"foreign input {name}" for name in foreign_inputs)
        self.counts.update(f"foreign parameter {name}" for name in foreign_parameters)
        self._spoil(task, now_s)
        self.store.save_task(task)
        self.save()
        self._work()
        return task

    def creates_per_second(self, model: str) -> int:
        """How many creates of a model are taken."""
        usual = self.knobs.submit_rps if self.knobs.submit_rps is not None else MODELS[model].rate
        left = self.knobs.limit_of(model)
        return usual if left is None else min(usual, left)

    def _put_image_apart(self, task: Task) -> None:
        """Keep a data URI in a file: it may be 27 MB, and tasks are saved at every change."""
        given = task.body["input"]
        if (kept := self._kept_apart(given.get("img_url"))) is not None:
            task.inline, given["img_url"] = kept
        media = given.get("media")
        for place, item in enumerate(cast("list[Any]", media) if isinstance(media, list) else ()):
            held = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
            if (kept := self._kept_apart(held.get("url"))) is not None:
                task.inlines[f"media.{place}"], held["url"] = kept
        urls = given.get("reference_urls")
        listed = cast("list[Any]", urls) if isinstance(urls, list) else []
        for place, url in enumerate(listed):
            if (kept := self._kept_apart(url)) is not None:
                task.inlines[f"reference_urls.{place}"], listed[place] = kept

    def _kept_apart(self, url: Any) -> tuple[str, str] | None:
        """The SHA-256 of a data: URI, which is kept as a file, and what stands for it in the body."""
        if not isinstance(url, str) or not url.startswith("data:"):
            return None
        sha256 = reference_media.keep(url.encode(), self.render_pool.images)
        return sha256, f"{url[:30]}… ({len(url)} characters, SHA-256 {sha256})"

    def _spoil(self, task: Task, now_s: float) -> None:
        """Apply the faults that strike a task rather than an answer."""
        subject = Subject("create", task.model, task.prompt)
        if outcome := self.faults.take("outcome", subject):
            fault = outcome.fault
            if fault.effect == "fail":
                message = BY_CODE[fault.code].message if fault.code else ""
                if fault.name == "failed-output-inspection":
                    message = message.replace("Input", "Output")
                task.verdict = task.verdict or (fault.code or "", message)
            elif fault.effect == "stuck-running":
                task.generation_s = GIVE_UP_S
            else:
                task.stuck_pending = True
        if unknown := self.faults.take("unknown", subject):
            task.unknown_polls = int(unknown.settings["polls"]) if "polls" in unknown.settings else -1
        if lag := self.faults.take("lag", subject):
            task.listed_from_s = now_s + lag.settings["seconds"]

    def within_rate(self, name: str, per_second: int | None, now_s: float) -> bool:
        """Count a call against its limit over the last virtual second."""
        if per_second is None or not self.knobs.rate_limits:
            return True
        hits = self._hits.setdefault(name, deque())
        while hits and hits[0] <= now_s - 1:
            hits.popleft()
        if len(hits) >= per_second:
            return False
        hits.append(now_s)
        return True

    def look_up(self, task_id: str, now_s: float, account: str) -> Task | None:
        """The task as a query sees it: none means UNKNOWN."""
        task = self.engine.visible(task_id, now_s, account)
        if task is None:
            return None
        task.polls += 1
        return None if task.unknown_polls < 0 or task.polls <= task.unknown_polls else task

    def subject(self, route: str, task_id: str) -> Subject:
        task = self.engine.tasks.get(task_id)
        return Subject(route, task.model, task.prompt) if task else Subject(route)

    def _task_changed(self, task: Task) -> None:
        if task.status == "SUCCEEDED" and task.result_path is None and task.ended_s is not None:
            task.result_path = sign_result(task, task.ended_s, self.knobs.retention_s)
        self.store.save_task(task)
        if task.ended_s is not None and self.knobs.push_url is not None:
            self._start(self.push.send(task, self.knobs, self.host))

    async def _render(self, task: Task) -> None:
        try:
            name = await self.render_pool.clip(task)
        except Exception:  # noqa: BLE001 - whatever it was, the task must end, or its client polls for ever
            _log.exception("rendering task %s failed", task.task_id)
            self.engine.render_failed(task.task_id, self.now_s())
        else:
            self.engine.rendered(task.task_id, self.now_s(), name)
        self._work()

    async def _inspect(self, task: Task) -> None:
        given, row = task.body["input"], MODELS[task.model]
        try:
            sides = image = None
            more: dict[str, Any] = {}
            if row.kind == "i2v":
                image, sides = await self.inspect_image(task, given["img_url"], task.inline)
            elif row.kind in ("media", "r2v"):
                sides, image, more = await inspect_media(self, task)
            if task.plan is not None and task.plan.sound:
                task.plan.sound = await self._inspect_audio(task, given["audio_url"])
        except reference_media.BadMediaError as bad:
            self.engine.media_refused(task.task_id, self.now_s(), bad.code, bad.message)
        except Exception:  # noqa: BLE001 - whatever it was, the task must end, or its client polls for ever
            _log.exception("inspecting the media of task %s failed", task.task_id)
            error = BY_CODE["InternalError"]
            self.engine.media_refused(task.task_id, self.now_s(), error.code, error.message)
        else:
            self.engine.media_passed(task.task_id, self.now_s(), sides, image, **more)
        self.now_s()

    async def inspect_image(self, task: Task, url: str, inline: str | None) -> tuple[str, tuple[int, int]]:
        """SHA-256 and sides of an image that is in order; `inline` is that of a data: URI which was kept apart."""
        if inline is not None:
            url = (self.render_pool.images / inline).read_text()
        data = await asyncio.to_thread(self._fetch, task, url, self.knobs.image_max_mb)
        name = await asyncio.to_thread(reference_media.keep, data, self.render_pool.images)
        facts = await self.render_pool.inspect(name, "look")
        reference_media.judge_image(len(data), facts, self.knobs)
        return name, (facts["width"], facts["height"])

    async def _inspect_audio(self, task: Task, url: str) -> str:
        data = await asyncio.to_thread(self._fetch, task, url, reference_media.AUDIO_MAX_MB)
        name = await asyncio.to_thread(reference_media.keep, data, self.render_pool.images)
        least_s = 2 if MODELS[task.model].generation == "2.7" else 3
        reference_media.judge_audio(len(data), await self.render_pool.inspect(name, "listen"), least_s)
        return name

    async def bring(
        self, task: Task, url: str, limit_mb: float, inline: str | None = None
    ) -> tuple[str, int]:
        """Fetch a clip or a sound, or read its data: URI; under which name it is kept, and its length in bytes."""
        if inline is not None:
            text = (self.render_pool.images / inline).read_text()
            data = base64.b64decode(text.partition(",")[2])
        else:
            data = await asyncio.to_thread(self._fetch, task, url, limit_mb)
        return await asyncio.to_thread(reference_media.keep, data, self.render_pool.images), len(data)

    def _fetch(self, task: Task, url: str, limit_mb: float) -> bytes:
        return reference_media.fetch(
            url, self._upload if task.resolve_oss else None, task.model, self.knobs, limit_mb
        )

    def _upload(self, key: str, model: str) -> bytes | None:
        return self.uploads.read(key, model, self.clock.now_s())

    def ledger(self) -> dict[str, Any]:
        """What the service has received, accepted, billed and sent, without the tasks themselves."""
        now_s = self.now_s()
        tasks = self.engine.tasks.values()

        def named(prefix: str) -> dict[str, int]:
            return {
                key.removeprefix(prefix): n
                for key, n in sorted(self.counts.items())
                if key.startswith(prefix)
            }

        requests = named("request ")
        return {
            "now_s": now_s,
            "creates": requests.get("create", 0),
            "accepted": len(tasks),
            "refused": self.counts["refused"],
            "billed_seconds": sum(task.billed_s for task in tasks),
            "billed": {task.task_id: task.billed_s for task in tasks if task.billed_s},
            "queries": requests.get("query", 0),
            "lists": requests.get("list", 0),
            "cancels": requests.get("cancel", 0),
            "downloads": requests.get("result", 0),
            "bytes": self.counts["result bytes"],
            "requests": requests,
            "answers": named("answer "),
            "faults": dict(self.faults.fired),
            "foreign_input": named("foreign input "),
            "foreign_parameters": named("foreign parameter "),
            "authorization_on_results": self.counts["authorization on result"],
            "most_running": dict(self.engine.most_running),
        }
