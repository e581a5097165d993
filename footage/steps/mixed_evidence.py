"""Clips of the emulator and clips of the provider are kept apart: one store has those of one of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.errors import InvalidRequest, Problem
from footage.network.addresses import is_local
from footage.network.emulator_check import emulator_at

if TYPE_CHECKING:
    from footage.context import Context


def refuse_mixed_evidence(context: Context, made_at: str | None, by_emulator: bool | None) -> None:
    """Let a run go on only with a clip that was made on an endpoint of its own kind.

    `by_emulator` is None in older evidence: then an endpoint on this machine was an emulator.

    Raises:
        InvalidRequest: The stored clip was made on the other kind of endpoint.
    """
    emulated = emulator_at(context.settings.http_base_url)
    if made_at is None or emulated is None:
        return
    if (is_local(made_at) if by_emulator is None else by_emulator) == emulated:
        return
    made, now = ("the provider", "the emulator") if emulated else ("the emulator", "the provider")
    raise InvalidRequest(
        problems=(
            Problem(
                "OUTPUT_DIR",
                context.store.url,
                f"this clip was made by {made}, and this run talks to {now}",
                "another OUTPUT_DIR for each of the two",
            ),
        )
    )
