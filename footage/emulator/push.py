"""Completion events as EventBridge would send them: signed, again where they are not taken, and late, twice or forged
where a knob says so. Their times are real ones, however fast the emulator's clock goes: who takes them has no other.

What signs and sends is imported at first use: most emulators never do, and all of them have to start quickly.
"""

import asyncio
import base64
import contextlib
import datetime
import json
import logging
import time
import uuid
from typing import Any

from footage.emulator.knobs import Knobs
from footage.emulator.tasks import Task

_log = logging.getLogger(__name__)

CERTIFICATE_PATH = "/x509_public_certificate_1.pem"
_LATE_S = 5.0
# EXPONENTIAL_DECAY_RETRY: over a day, after 1, 2, 4 … 512 s and then every 512 s (EventBridge, read 2026-11).
_RETRIES, _LONGEST = 176, 512


class PushSender:
    """Signs with a key of its own, which is made at first use."""

    def __init__(self) -> None:
        self._key: Any = None
        self._pem = b""
        # Set once the event that is held back was overtaken by the next one.
        self._held_back: asyncio.Event | None = None

    def certificate(self) -> bytes:
        """The certificate, as PEM."""
        self._private_key()
        return self._pem

    def _private_key(self) -> Any:
        if self._key is None:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes, serialization

            self._key = _new_key()
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "wan-video emulator")])
            now = datetime.datetime.now(datetime.UTC)
            builder = x509.CertificateBuilder(
                issuer_name=name,
                subject_name=name,
                public_key=self._key.public_key(),
                serial_number=x509.random_serial_number(),
                not_valid_before=now - datetime.timedelta(days=1),
                not_valid_after=now + datetime.timedelta(days=365),
            )
            signed = builder.sign(self._key, hashes.SHA256())
            self._pem = signed.public_bytes(serialization.Encoding.PEM)
        return self._key

    async def send(self, task: Task, knobs: Knobs, host: str) -> None:
        """Tell the target that a task has ended."""
        if knobs.push_url is None or knobs.push_mode == "never":
            return
        if knobs.push_mode == "late":
            await asyncio.sleep(_LATE_S)
        if knobs.push_mode != "reversed":
            await self._deliver(task, knobs, host)
        elif self._held_back is None:
            self._held_back = overtaken = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(overtaken.wait(), _LATE_S)
            if self._held_back is overtaken:
                self._held_back = None
            await self._deliver(task, knobs, host)
        else:
            overtaken, self._held_back = self._held_back, None
            await self._deliver(task, knobs, host)
            overtaken.set()

    async def _deliver(self, task: Task, knobs: Knobs, host: str) -> None:
        task_id = str(uuid.uuid4()) if knobs.push_mode == "unknown" else task.task_id
        event = json.dumps(_event(task_id, task, knobs.push_region)).encode()
        for _ in range(2 if knobs.push_mode == "twice" else 1):
            for number in range(_RETRIES + 1):
                if await self._post(event, task_id, knobs, host) or not knobs.push_retry_s:
                    break
                await asyncio.sleep(knobs.push_retry_s * min(2**number, _LONGEST))

    async def _post(self, event: bytes, task_id: str, knobs: Knobs, host: str) -> bool:
        """Whether the target took it."""
        import httpx

        # Signed anew each time: a late one would be too old else.
        headers = self._signed(knobs, host, event)
        body = event + b" " if knobs.push_mode == "altered" else event
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            try:
                answer = await client.post(knobs.push_url or "", content=body, headers=headers)
            except httpx.HTTPError as error:
                _log.warning("the event of task %s did not arrive: %s", task_id, error)
                return False
        _log.info("the event of task %s was answered with %d", task_id, answer.status_code)
        return answer.is_success

    def _signed(self, knobs: Knobs, host: str, body: bytes) -> dict[str, str]:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        sent_ms = int(time.time() * 1000) - (120_000 if knobs.push_mode == "stale" else 0)
        headers = {
            "x-eventbridge-signature-timestamp": str(sent_ms),
            "x-eventbridge-hash-method": "SHA256",
            "x-eventbridge-signature-version": "1.0",
            "x-eventbridge-signature-url": f"{host}{CERTIFICATE_PATH}",
            "x-eventbridge-signature-token": "wrong" if knobs.push_mode == "token" else knobs.push_token,
        }
        head = "\n".join([knobs.push_url or "", *(f"{name}: {value}" for name, value in headers.items())])
        text = head.encode() + b"\n" + body + (b"\n" if knobs.push_mode == "newline" else b"")
        key = self._private_key()
        if knobs.push_mode == "forged":
            key = _new_key()
        signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {
            **headers,
            "x-eventbridge-signature-v2": base64.b64encode(signature).decode(),
            "content-type": "application/json",
        }


def _new_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _event(task_id: str, task: Task, region: str) -> dict[str, object]:
    now = datetime.datetime.now(datetime.UTC).isoformat()
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "acs.dashscope",
        "type": "dashscope:System:AsyncTaskFinish",
        "datacontenttype": "application/json;charset=utf-8",
        "time": now,
        "aliyuneventbusname": "default",
        "aliyunregionid": region,
        "aliyunaccountid": "1234567890",
        "data": {
            "task_id": task_id,
            "task_status": task.status,
            "contain_result": False,
            "region": region,
            "user_api_unique_key": f"apikey:v1:aigc:video-generation:video-synthesis:{task.model}",
        },
    }
