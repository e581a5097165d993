"""C2PA manifests in the child process, by the library of the extra `c2pa`, which is loaded nowhere else.

Nothing here asks the network but the authority for time stamps, where one is set: a manifest may name an address
of its own, and reading would fetch it.
"""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from footage.marks.trust_anchors import read_anchors

_TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_MP4 = "video/mp4"
_SIGN_COMMAND_S = 60
_MOST_CODES = 20
_MOST_CHARS = 300
_STATES = {"Trusted": "trusted", "Valid": "valid"}


def read_manifest(path: str, anchors: str | None) -> dict[str, Any]:
    """State, reason and details of a file's manifest; state "unchecked" where the library is not there."""
    try:
        c2pa: Any = importlib.import_module("c2pa")
    except ImportError:
        return {"state": "unchecked", "reason": "the extra c2pa is not installed"}
    trusted, problem = _usable(anchors)
    try:
        with Path(path).open("rb") as file:
            reader = c2pa.Reader(_MP4, file, context=_context(c2pa, trusted))
            state, document = str(reader.get_validation_state()), json.loads(reader.json())
    except c2pa.C2paError as error:
        return {"state": "invalid", "reason": _short(error)}
    details = _details(document) | {"library": str(c2pa.sdk_version())[:_MOST_CHARS]}
    known = _STATES.get(state, "invalid")
    reason = problem if known != "invalid" else ", ".join(details["failures"]) or state
    return {"state": known, "reason": reason, "details": details}


def sign(
    path: str,
    out: str,
    *,
    title: str,
    parent: str | None,
    parts: list[dict[str, str]],
    evidence: dict[str, Any],
    agent: dict[str, str],
    when: str,
    certificates: str,
    key: str | None,
    command: list[str] | None,
    time_stamps: str | None,
) -> dict[str, Any]:
    """Write the file with a manifest; `problem` says why it has none, and nothing of `out` is to be used then."""
    try:
        c2pa: Any = importlib.import_module("c2pa")
    except ImportError:
        return {"problem": "the extra c2pa is not installed"}
    failed: list[str] = []
    try:
        chain = Path(certificates).read_text("utf-8")
        signer = _signer(c2pa, chain, key, command, time_stamps, failed)
        builder = c2pa.Builder(_manifest(title, parent, parts, evidence, agent, when), _context(c2pa, None))
        made_from = [{"path": parent, "id": "parent", "title": "original"}] if parent else []
        for one in [*made_from, *parts]:
            relation = "parentOf" if one["id"] == "parent" else "componentOf"
            about = {"title": one["title"], "relationship": relation, "label": one["id"]}
            with Path(one["path"]).open("rb") as file:
                builder.add_ingredient(about, _MP4, file)
        with Path(path).open("rb") as source, Path(out).open("w+b") as target:
            builder.sign(signer, _MP4, source, target)
            if failed:
                # What is written then has no signature.
                return {"problem": failed[0]}
    except (c2pa.C2paError, OSError, ValueError, subprocess.SubprocessError) as error:
        return {"problem": failed[0] if failed else _short(error)}
    return {"problem": None}


def _usable(anchors: str | None) -> tuple[str | None, str | None]:
    """The authorities as a text, or why there is none."""
    try:
        return None if anchors is None else read_anchors(Path(anchors)), None
    except ValueError as error:
        return None, f"the file of trust anchors {error}"


def _context(c2pa: Any, anchors: str | None) -> Any:
    settings: dict[str, Any] = {
        # What was signed is read back by a process of its own, and not by the one that signed it.
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_after_sign": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors is not None:
        settings["trust"] = {"user_anchors": anchors}
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _manifest(
    title: str,
    parent: str | None,
    parts: list[dict[str, str]],
    evidence: dict[str, Any],
    agent: dict[str, str],
    when: str,
) -> dict[str, Any]:
    """A generated clip is created, one that was converted is opened and edited, a film is created of its parts."""
    ours = {"name": "wan-video", "version": agent["wan-video"]}
    if parent is None:
        actions: list[dict[str, Any]] = [
            {
                "action": "c2pa.created",
                "digitalSourceType": _TRAINED,
                "when": when,
                "softwareAgent": {"name": agent["model"]} if not parts else ours,
            }
        ]
    else:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}, "when": when}
        actions = [opened, {"action": "c2pa.transcoded", "softwareAgent": ours, "when": when}]
    if parts:
        placed = {"ingredientIds": [part["id"] for part in parts]}
        actions.append({"action": "c2pa.placed", "parameters": placed, "when": when})
    return {
        "title": title,
        "format": _MP4,
        "claim_generator_info": [ours],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "org.wan-video.evidence", "data": evidence},
        ],
    }


def _signer(
    c2pa: Any,
    chain: str,
    key: str | None,
    command: list[str] | None,
    time_stamps: str | None,
    failed: list[str],
) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    algorithm = _algorithm(leaf.public_key())
    if key is None and not command:
        raise ValueError("neither a key nor a command to sign with is set")
    if key is None:
        which = getattr(c2pa.C2paSigningAlg, algorithm.upper())
        return c2pa.Signer.from_callback(_by_command(command or [], failed), which, chain, time_stamps)
    private: Any = serialization.load_pem_private_key(Path(key).read_bytes(), password=None)
    if private.public_key() != leaf.public_key():
        raise ValueError("the key does not belong to the certificate")
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    info = c2pa.C2paSignerInfo(algorithm, chain.encode(), pem, time_stamps)
    return c2pa.Signer.from_info(info)


def _algorithm(public: Any) -> str:
    """What C2PA calls the way to sign with such a key (C2PA 2.2, section 13.2)."""
    curve = getattr(getattr(public, "curve", None), "name", None)
    if curve is not None:
        known = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
        if curve not in known:
            raise ValueError(f"a key on the curve {curve} cannot sign a manifest")
        return known[curve]
    return "ps256" if hasattr(public, "key_size") else "ed25519"


def _by_command(command: list[str], failed: list[str]) -> Callable[[bytes], bytes]:
    def signature(data: bytes) -> bytes:
        done = subprocess.run(
            command, input=data, stdout=subprocess.PIPE, timeout=_SIGN_COMMAND_S, check=False
        )
        if done.returncode != 0:
            # The library would only call what it gets from here a wrong signature.
            failed.append(f"the signing command ended with {done.returncode}")
        return done.stdout or b"\0"

    return signature


def _details(document: dict[str, Any]) -> dict[str, Any]:
    """The little of a manifest that is written down: strangers' may be of any size and depth."""
    manifests = document.get("manifests") or {}
    active = manifests.get(document.get("active_manifest")) or {}
    actions = [
        action
        for assertion in active.get("assertions") or []
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion["data"].get("actions") or []
    ]
    signature = active.get("signature_info") or {}
    first = actions[0] if actions else {}
    failures = (document.get("validation_results") or {}).get("activeManifest", {}).get("failure") or []
    ingredients = active.get("ingredients") or []
    deltas = (document.get("validation_results") or {}).get("ingredientDeltas") or []
    return {
        "signed_by": _short(signature.get("common_name") or signature.get("issuer") or "") or None,
        "signed_at": _short(signature.get("time") or "") or None,
        "certificate_serial": _short(signature.get("cert_serial_number") or "") or None,
        "made_at": _short(first.get("when") or "") or None,
        "first_action": _short(first.get("action") or "") or None,
        "source_type": _short(first.get("digitalSourceType") or "") or None,
        "ingredients": len(ingredients),
        "ingredients_not_valid": sum(bool(delta["validationDeltas"].get("failure")) for delta in deltas),
        "parents": sum(one.get("relationship") == "parentOf" for one in ingredients),
        "manifests": len(manifests),
        "failures": [_short(failure.get("code", "")) for failure in failures[:_MOST_CODES]],
    }


def _short(text: object) -> str:
    return " ".join(str(text).split())[:_MOST_CHARS]
