"""What can be looked at on this machine: Python, packages, the table of models, orders, media, the store."""

from __future__ import annotations

import base64
import io
import os
import platform
import secrets
import tempfile
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from footage.catalogue import CATALOGUE, offered_models
from footage.checkup.finding import Finding, examine
from footage.errors import BuyingStopped, OverBudget, StorageProblem
from footage.errors.actions import ResumeBuying
from footage.network.proxies import proxy_for, shown_proxy
from footage.settings import unknown_variables
from footage.spending.stop_switch import stopped

if TYPE_CHECKING:
    from footage.context import Context
    from footage.settings import Settings

# One second of 64*64 at 10 fps, ten frames, H.264; small enough to lie beside this file.
_SAMPLE = Path(__file__).with_name("sample.mp4")
_SHOWN = ("prefect", "dashscope", "av", "pydantic", "s3fs")


def local_findings(context: Context) -> Generator[Finding]:
    """Everything that needs neither key nor network; the store is written to, and left as it was."""
    yield examine("packages", _packages)
    yield examine("settings", lambda: _settings(context.settings))
    yield examine("network", lambda: _network(context))
    yield examine("catalogue", _catalogue)
    yield examine("orders", _orders)
    yield examine("media", _media)
    yield examine("store", lambda: _store(context))
    yield examine("one winner", lambda: _exclusive(context))


def _packages() -> Finding:
    """Whether the installed versions are the ones that the project asks for."""
    from packaging.requirements import Requirement

    name = "packages"
    try:
        wanted = [Requirement(text) for text in requires("wan-video") or ()]
    except PackageNotFoundError:
        return Finding(name, "warn", "wan-video runs without being installed", "pip install -e .")
    wrong: list[str] = []
    for need in wanted:
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            if not need.specifier.contains(version(need.name), prereleases=True):
                wrong.append(f"{need.name} {version(need.name)} (needs {need.specifier})")
        except PackageNotFoundError:
            wrong.append(f"{need.name} (missing)")
    if wrong:
        return Finding(name, "fail", ", ".join(wrong), "install wan-video again, in a fresh environment", 1)
    shown = ", ".join(f"{package} {version(package)}" for package in _SHOWN)
    return Finding(name, "ok", f"Python {platform.python_version()}, {shown}")


def _settings(settings: Settings) -> Finding:
    """Whether settings that are fine alone contradict each other."""
    name = "settings"
    if settings.poll_min_s > settings.poll_max_s:
        return Finding(
            name,
            "warn",
            f"the shortest pause between two queries ({settings.poll_min_s:g} s) is longer than the longest "
            f"({settings.poll_max_s:g} s)",
            "correct WAN_VIDEO_POLL_MIN_S or WAN_VIDEO_POLL_MAX_S",
        )
    if settings.single_worker:
        return Finding(
            name,
            "warn",
            "WAN_VIDEO_SINGLE_WORKER is set: a second worker on this store may buy a clip twice",
            "unset it as soon as a second worker starts",
        )
    if unknown := unknown_variables():
        return Finding(
            name,
            "warn",
            f"not read, because there is no such setting: {', '.join(unknown)}",
            "correct or unset it",
        )
    endpoint = settings.http_base_url or "the endpoint of each region"
    return Finding(name, "ok", f"output to {settings.store_url}, {endpoint}")


def _network(context: Context) -> Finding:
    """Which way each thing goes: asked of the variables alone, nothing is sent."""
    settings = context.settings
    region = context.region or next(iter(CATALOGUE.regions))
    ways = {
        "provider": shown_proxy(proxy_for(context.endpoint(region))),
        "images": shown_proxy(proxy_for("https://images.example")),
        "results": shown_proxy(proxy_for(f"https://{settings.result_hosts[0].lstrip('*.')}"))
        if settings.result_hosts
        else "nowhere",
    }
    if server := os.environ.get("PREFECT_API_URL"):
        ways["Prefect"] = shown_proxy(proxy_for(server))
    if endpoint := context.store.network_address:
        ways["store"] = shown_proxy(proxy_for(endpoint))
    told = ", ".join(f"{name} {way}" for name, way in ways.items())
    return Finding("network", "ok", told if len(set(ways.values())) > 1 else f"everything {ways['provider']}")


def _catalogue() -> Finding:
    cards = offered_models().values()
    oldest = min(card.read_on for card in cards)
    guessed = [card.name for card in cards if not card.documented]
    return Finding(
        "catalogue",
        "ok",
        f"{len(cards)} models in {len(CATALOGUE.regions)} regions, read on {oldest} or later; "
        f"in no official table: {', '.join(guessed) or 'none'}",
    )


def _orders() -> Finding:
    """An example of every model, as far as it goes without sending it: rules, image, price, body."""
    from footage.order import plan
    from footage.reference import read_media, read_reference
    from footage.request import Reference, VideoRequest

    image = _example_image()
    for card in offered_models().values():
        request = VideoRequest(
            prompt="A paper boat sails down a rainy street",
            model=card.name,
            size=(card.sizes or ("1280*720",))[0],
            duration=card.durations[0] if card.durations else 5,
            reference_image=image if card.first_frame == "required" else None,
            references=(Reference(kind="image", source=image),) if card.kind == "r2v" else (),
        )
        # Nothing is fetched: the image is inside the request.
        order = plan(
            request,
            image=read_reference(request, _nothing_behind),
            media=read_media(request, _nothing_behind),
        )
        order.wire_preview()
    return Finding(
        "orders", "ok", f"an example request is a valid order for each of the {len(offered_models())}"
    )


def _nothing_behind(url: str, max_bytes: int = 0) -> bytes:
    raise AssertionError(f"{url} was asked for, up to {max_bytes} bytes")


def _example_image() -> str:
    from PIL import Image

    data = io.BytesIO()
    Image.linear_gradient("L").resize((640, 360)).convert("RGB").save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _media() -> Finding:
    """Whether a video can be read and made here, in the child process and under the limits of real work."""
    from footage.media import conform, inspect

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mp4"
        conform(_SAMPLE, out, fps=15)
        facts = inspect(out)
    if facts.problems or (facts.fps, facts.frames) != (15.0, 15):
        found = facts.problems or (f"{facts.frames} frames at {facts.fps:g} fps instead of 15 at 15",)
        return Finding("media", "fail", f"the sample clip did not convert: {found[0]}", "reinstall av", 1)
    return Finding("media", "ok", "decodes and encodes H.264; no ffmpeg needs to be installed")


def _store(context: Context) -> Finding:
    """Write, read back, list and delete one small object."""
    store = context.store
    path = f".checks/{secrets.token_hex(8)}"
    data = secrets.token_bytes(32)
    store.create(path, data)
    try:
        if store.read(path) != data or path not in store.list(".checks"):
            raise StorageProblem(f"{store.url} does not give back what was written to it.")
    finally:
        store.delete(path)
    return Finding("store", "ok", f"{store.url} can be written, read and listed")


def buying_finding(context: Context) -> Finding:
    """Whether anything may be bought now: the switch, and what is left of the caps."""
    return examine("buying", lambda: _buying(context))


def _buying(context: Context) -> Finding:
    name = "buying"
    if (order := stopped(context.store)) is not None:
        return Finding(
            name, "fail", order.in_words(), context.command(ResumeBuying()), BuyingStopped.exit_code
        )
    spent = context.spending.spent(context.provider_now())
    reached = [cap for cap in context.caps if cap.left(spent) <= 0]
    told = "; ".join(cap.left_in_words(spent) for cap in context.caps) or "no cap is set for a day or a month"
    fix = "raise the cap, or wait until it begins anew"
    if any(cap.model is None for cap in reached):
        return Finding(name, "fail", told, fix, OverBudget.exit_code)
    # The other models can be bought.
    return Finding(name, "warn", told, fix) if reached else Finding(name, "ok", told)


def _exclusive(context: Context) -> Finding:
    """Whether of two workers with the same request only one can buy."""
    name = "one winner"
    if not context.settings.single_worker:
        context.require_exclusive_store()
        return Finding(name, "ok", "of five writers of the same object one wins")
    try:
        context.store.check_exclusive()
    except StorageProblem as error:
        return Finding(name, "warn", error.message, "run one worker only")
    return Finding(
        name, "warn", "the store decides races, so WAN_VIDEO_SINGLE_WORKER is not needed", "unset it"
    )
