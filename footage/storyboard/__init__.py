"""Storyboards: read them, plan and price them, keep their budget, and cut what was delivered.

`timeline`, `edl`, `film` and `dailies` make the results and are imported by name where they are needed.
"""

from __future__ import annotations

from footage.storyboard.board import Board, Budget, Shot, Transition, json_schema
from footage.storyboard.board_quote import BoardQuote, approval_reason, check_budget, in_words
from footage.storyboard.budget import Ledger, Statement, capped
from footage.storyboard.cut import Event, ShotOutcome, cut
from footage.storyboard.guesses import Guess, grouped
from footage.storyboard.plan import BoardPlan, Format, ShotPlan, plan_board
from footage.storyboard.read import FORMATS, Reading, read_board

__all__ = [
    "FORMATS",
    "Board",
    "BoardPlan",
    "BoardQuote",
    "Budget",
    "Event",
    "Format",
    "Guess",
    "Ledger",
    "Reading",
    "Shot",
    "ShotOutcome",
    "ShotPlan",
    "Statement",
    "Transition",
    "approval_reason",
    "capped",
    "check_budget",
    "cut",
    "grouped",
    "in_words",
    "json_schema",
    "plan_board",
    "read_board",
]
