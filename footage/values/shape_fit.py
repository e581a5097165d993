"""How a picture meets another shape: `pad` shows all of it between black bars, `crop` fills it and cuts the rest."""

from __future__ import annotations

from typing import Literal

Fit = Literal["pad", "crop"]
