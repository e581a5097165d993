"""One row of the comparison: what was measured of each client, several times."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class Row:
    """Figures of one comparison; of all but `more_is_better` ones, less is better.

    `figures` has each client's values, one a run; `notes` what else is worth knowing of a client, as questions asked.
    """

    what: str
    unit: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    more_is_better: bool = False
    # When, with which command, on what machine.
    measured: str = ""

    def add(self, client: str, value: float, note: str = "") -> None:
        """Take the value of one run."""
        self.figures.setdefault(client, []).append(value)
        if note:
            self.notes[client] = note

    def median(self, client: str) -> float:
        """The median of a client's runs."""
        return statistics.median(self.figures[client])

    @property
    def ahead(self) -> bool:
        """Whether nobody is better than ours, by more than a twentieth."""
        ours = self.median("ours")
        others = [self.median(client) for client in self.figures if client != "ours"]
        if self.more_is_better:
            return all(ours >= other * 0.95 for other in others)
        return all(ours <= other * 1.05 for other in others)
