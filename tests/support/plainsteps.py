"""The four steps of a clip without an orchestrator."""

from __future__ import annotations

from footage.steps.plain_steps import PLAIN_STEPS

__all__ = ["PLAIN_STEPS"]
