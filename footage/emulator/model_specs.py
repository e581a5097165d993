"""What each Wan model takes and gives, as the service sees it.

Sources: Model Studio docs, text-to-video and image-to-video API references, rate-limit page and pricing
page (read 2026-10). A row marked `documented=False` is in no official table.
"""

from dataclasses import dataclass
from math import sqrt

SIZE_TIERS: dict[str, tuple[str, ...]] = {
    "480P": ("832*480", "480*832", "624*624"),
    "720P": ("1280*720", "720*1280", "960*960", "1088*832", "832*1088"),
    "1080P": ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632"),
}
_TIER_AREA = {"480P": 832 * 480, "720P": 1280 * 720, "1080P": 1920 * 1080}
SEED_MAX = 2147483647


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the service's line-up. Durations in seconds, rates per second, generation in seconds."""

    name: str
    kind: str  # "t2v" or "i2v"
    generation: str  # "2.1", "2.2", "2.6": decides the shape of `usage`
    tiers: tuple[str, ...]
    default: str  # a size for t2v, a tier for i2v
    durations: tuple[int, ...]
    audio: str  # "none", "always" or "switch"
    regions: tuple[str, ...]
    rate: int  # submissions a second, and tasks that run at once: the documented figures are equal
    generation_s: float
    documented: bool = True

    @property
    def fixed_duration(self) -> bool:
        return len(self.durations) == 1

    @property
    def prompt_max(self) -> int:
        """Characters; the service cuts what is longer."""
        return 1500 if self.generation == "2.6" else 800

    @property
    def sizes(self) -> tuple[str, ...]:
        return tuple(size for tier in self.tiers for size in SIZE_TIERS[tier])


_CN_SG = ("cn-beijing", "ap-southeast-1")
# generation_s: wan2.2-t2v-plus 90 s and wan2.6-i2v-us 42-99 s were measured by third parties; the others
# are the time stamps of doc examples, except wan2.2-t2v-flash and wan2.6-i2v, which are inferred.
_ROWS = (
    Model(
        "wan2.2-t2v-plus",
        kind="t2v",
        generation="2.2",
        tiers=("480P", "1080P"),
        default="1920*1080",
        durations=(5,),
        audio="none",
        regions=_CN_SG,
        rate=2,
        generation_s=90.0,
    ),
    Model(
        "wan2.2-t2v-flash",
        kind="t2v",
        generation="2.2",
        tiers=("480P", "720P", "1080P"),
        default="1280*720",
        durations=(5,),
        audio="none",
        regions=_CN_SG,
        rate=2,
        generation_s=60.0,
        documented=False,
    ),
    Model(
        "wanx2.1-t2v-turbo",
        kind="t2v",
        generation="2.1",
        tiers=("480P", "720P"),
        default="1280*720",
        durations=(5,),
        audio="none",
        regions=("cn-beijing",),
        rate=2,
        generation_s=187.0,
    ),
    Model(
        "wan2.1-t2v-turbo",
        kind="t2v",
        generation="2.1",
        tiers=("480P", "720P"),
        default="1280*720",
        durations=(5,),
        audio="none",
        regions=("ap-southeast-1",),
        rate=2,
        generation_s=187.0,
    ),
    Model(
        "wan2.6-t2v-us",
        kind="t2v",
        generation="2.6",
        tiers=("720P", "1080P"),
        default="1920*1080",
        durations=(5, 10),
        audio="always",
        regions=("us-east-1",),
        rate=5,
        generation_s=287.0,
    ),
    Model(
        "wan2.6-i2v-flash",
        kind="i2v",
        generation="2.6",
        tiers=("720P", "1080P"),
        default="1080P",
        durations=tuple(range(2, 16)),
        audio="switch",
        regions=_CN_SG,
        rate=5,
        generation_s=73.0,
    ),
    Model(
        "wan2.6-i2v",
        kind="i2v",
        generation="2.6",
        tiers=("720P", "1080P"),
        default="1080P",
        durations=tuple(range(2, 16)),
        audio="always",
        regions=(*_CN_SG, "us-east-1", "eu-central-1"),
        rate=5,
        generation_s=150.0,
    ),
    Model(
        "wan2.6-i2v-us",
        kind="i2v",
        generation="2.6",
        tiers=("720P", "1080P"),
        default="1080P",
        durations=(5, 10, 15),
        audio="always",
        regions=("us-east-1",),
        rate=5,
        generation_s=70.0,
    ),
)
MODELS: dict[str, Model] = {model.name: model for model in _ROWS}


def size_text(tiers: tuple[str, ...]) -> str:
    """The list inside the refusal of a wrong size, in the service's order: largest tier first.

    Measured by third parties on wan2.2-t2v-plus, 2026-08-27:
    1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624.
    """
    ordered: list[str] = []
    for tier in sorted(tiers, key=lambda name: -_TIER_AREA[name]):
        landscape, portrait, *rest = SIZE_TIERS[tier]
        ordered += [portrait, landscape, *rest]
    return ",".join(ordered)


def i2v_size(width: int, height: int, tier: str, rounding: str = "floor16") -> tuple[int, int]:
    """Output size of an i2v clip in pixels: the image's ratio, the tier's area, both sides multiples of 16.

    Inferred: it reproduces the one documented example, 750x1000 at 720P giving 816x1104.
    """
    area, ratio = _TIER_AREA[tier], width / height
    sides = sqrt(area * ratio), sqrt(area / ratio)
    if rounding == "round16":
        return max(16, round(sides[0] / 16) * 16), max(16, round(sides[1] / 16) * 16)
    return max(16, int(sides[0] // 16) * 16), max(16, int(sides[1] // 16) * 16)


def tier_of(size: str) -> str:
    for tier, sizes in SIZE_TIERS.items():
        if size in sizes:
            return tier
    raise ValueError(f"no tier has the size {size}")
