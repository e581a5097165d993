"""One read-only question before anything is bought: key, region, reachability, and the provider's clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footage.catalogue import card

if TYPE_CHECKING:
    from footage.studio import Studio

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProbeReport:
    """What the provider answered; nothing of it costs anything."""

    endpoint: str
    latency_s: float
    clock_offset_s: float | None
    warnings: tuple[str, ...]


def probe(studio: Studio, region: str, model: str) -> ProbeReport:
    """Ask the endpoint one free question, and a second one for a model that no official table lists.

    Raises:
        AccountProblem: Key, permission or workspace; nothing else will work either.
        Unreachable, Throttled: No answer now; try again.
    """
    endpoint = studio.endpoint(region)
    client = studio.client(endpoint, studio.workspace)
    answer = client.probe()
    studio.note_clock(answer.clock_offset_s)
    warnings: list[str] = []
    if not card(model).documented and client.model_known(model) is False:
        warnings.append(f"{endpoint} does not list {model} for this key; the create will probably be refused")
    # More than the width of a time zone mistake would not matter; this much confuses people who read logs.
    if (
        answer.clock_offset_s is not None
        and abs(answer.clock_offset_s) > 300
        and not studio.settings.emulated
    ):
        warnings.append(f"this machine's clock differs from the provider's by {answer.clock_offset_s:+.0f} s")
    for warning in warnings:
        logger.warning("%s", warning)
    logger.info("%s answers in %.0f ms.", endpoint, answer.latency_s * 1000)
    return ProbeReport(endpoint, answer.latency_s, answer.clock_offset_s, tuple(warnings))
