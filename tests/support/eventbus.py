"""Events as EventBridge sends them, to a receiver in this process."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from rawserver import RawServer

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.records import Claim
from footage.push.certificates import AGAIN_AFTER_S, TrustedCertificates
from footage.push.receiver import A_MINUTE, READ_S, Receiver, Rule
from footage.storage import Store

URL = "https://videos.example/dashscope/4f1c?x=1"
KEY = "c" * 64
KEYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_of(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "EventBridge")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Bus:
    """Sends events to a receiver, as EventBridge does."""

    def __init__(
        self,
        store: Store,
        oss: RawServer,
        *,
        read_s: float = READ_S,
        a_minute: int = A_MINUTE,
        on_ended: Callable[[str], None] | None = None,
        again_after_s: float = AGAIN_AFTER_S,
        **rule: Any,
    ) -> None:
        self.origin = f"http://127.0.0.1:{oss.port}"
        self.ended: list[str] = []
        fields = {"tokens": ("secret",), "regions": frozenset({"cn-beijing"}), **rule}
        certificates = TrustedCertificates(fields["regions"], self.origin, again_after_s)
        self.receiver = Receiver(
            Rule(URL, **fields), store, certificates, on_ended or self.ended.append, read_s, a_minute
        )

    def send(
        self,
        event: dict[str, Any] | bytes,
        *,
        key: Any = KEYS,
        sent_s: float = 0.0,
        end: bytes = b"",
        change: Callable[[dict[str, str]], None] = lambda headers: None,
        after: bytes = b"",
        url: str = URL,
    ) -> int:
        """The status of the answer; its body says nothing."""
        body, headers = self.signed(event, key=key, sent_s=sent_s, end=end, change=change, url=url)
        answer = asked(self.receiver, "POST", "/dashscope/4f1c?x=1", content=body + after, headers=headers)
        assert answer.content == b""
        return answer.status_code

    def signed(
        self,
        event: dict[str, Any] | bytes,
        *,
        key: Any = KEYS,
        sent_s: float = 0.0,
        end: bytes = b"",
        change: Callable[[dict[str, str]], None] = lambda headers: None,
        url: str = URL,
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers of an event."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {
            "x-eventbridge-signature-timestamp": str(int((time.time() + sent_s) * 1000)),
            "x-eventbridge-hash-method": "SHA256",
            "x-eventbridge-signature-version": "1.0",
            "x-eventbridge-signature-url": f"{self.origin}/x509_public_certificate_1.pem",
            "x-eventbridge-signature-token": "secret",
        }
        change(headers)
        lines = "\n".join([url, *(f"{name}: {value}" for name, value in headers.items())])
        text = lines.encode() + b"\n" + body + end
        headers["x-eventbridge-signature-v2"] = base64.b64encode(
            key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        ).decode()
        return body, headers


def asked(receiver: Receiver, method: str, path: str, **more: Any) -> httpx.Response:
    """What a receiver answers."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def event(task_id: str, status: str = "SUCCEEDED", **fields: Any) -> dict[str, Any]:
    data = {"task_id": task_id, "task_status": status, "contain_result": False}
    return {
        "id": str(uuid.uuid4()),
        "source": "acs.dashscope",
        "type": "dashscope:System:AsyncTaskFinish",
        "aliyunaccountid": "1234",
        "aliyunregionid": "cn-beijing",
        # As in the guide's own sample.
        "time": "2023-1-25T1:2:3Z",
        "data": data,
        **fields,
    }


def claimed(store: Store) -> str:
    """A task of a clip of this store that is not finished."""
    ClipEvidence(store, KEY).mark_open()
    task_id = str(uuid.uuid4())
    store.create(f"claims/{task_id}.json", Claim(task_id=task_id, key=KEY, attempt=1).to_bytes())
    return task_id
