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
    kind: str  # "t2v", "i2v", "r2v" of the older protocol, or "media"
    generation: str  # "2.1", "2.2", "2.6", "2.7", "3.0": decides the shape of `usage`
    tiers: tuple[str, ...]
    default: str  # a size for t2v, a tier for i2v
    durations: tuple[int, ...]
    audio: str  # "none", "always" or "switch"
    regions: tuple[str, ...]
    rate: int  # submissions a second, and tasks that run at once: the documented figures are equal
    generation_s: float
    documented: bool = True
    family: str = ""  # of a "media" model: "2.7-t2v", "2.7-i2v", "2.7-r2v", "3.0"

    @property
    def fixed_duration(self) -> bool:
        return len(self.durations) == 1

    @property
    def prompt_max(self) -> int:
        """Characters; the service cuts what is longer."""
        return {"2.6": 1500, "2.7": 5000, "3.0": 20000}.get(self.generation, 800)

    @property
    def sizes(self) -> tuple[str, ...]:
        return tuple(size for tier in self.tiers for size in SIZE_TIERS[tier])


_CN_SG = ("cn-beijing", "ap-southeast-1")
# generation_s: wan2.2-t2v-plus 90 s and wan2.6-i2v-us 42-99 s were measured by third parties; the others
# are the time stamps of doc examples, except wan2.2-t2v-flash and wan2.6-i2v, which are inferred.
_ROWS: tuple[Model, ...] = (
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
    Model(
        "wan2.6-t2v",
        kind="t2v",
        generation="2.6",
        tiers=("720P", "1080P"),
        default="1920*1080",
        durations=tuple(range(2, 16)),
        audio="always",
        regions=(*_CN_SG, "us-east-1", "eu-central-1"),
        rate=5,
        generation_s=290.0,
    ),
    *(
        Model(
            name,
            kind="r2v",
            generation="2.6",
            tiers=("720P", "1080P"),
            default="1920*1080",
            durations=tuple(range(2, 11)),
            audio=audio,
            regions=regions,
            rate=5,
            generation_s=276.0,
        )
        for name, audio, regions in (
            ("wan2.6-r2v", "always", (*_CN_SG, "us-east-1", "eu-central-1")),
            ("wan2.6-r2v-flash", "switch", _CN_SG),
        )
    ),
    *(
        Model(
            f"wan2.7-{task}{snapshot}",
            kind="media",
            generation="2.7",
            tiers=("720P", "1080P"),
            default="1080P",
            durations=tuple(range(2, 16)),
            audio="always",
            regions=_CN_SG,
            rate=5,
            generation_s=seconds,
            family=f"2.7-{task}",
        )
        for task, seconds in (("t2v", 180.0), ("i2v", 90.0), ("r2v", 429.0))
        for snapshot in (("", "-2026-04-25") if task != "r2v" else ("",))
    ),
    *(
        Model(
            name,
            kind="media",
            generation="3.0",
            tiers=("480P", "720P", "1080P"),
            default="1080P",
            durations=tuple(range(2, 31)),
            audio="switch",
            regions=(*_CN_SG, "us-east-1", "eu-central-1", "ap-northeast-1", "cn-hongkong"),
            rate=5,
            generation_s=seconds,
            family="3.0",
        )
        for name, seconds in (("wan3.0-video", 300.0), ("wan3.0-video-prime", 150.0))
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


# Of the models that take tier and ratio; 4:3 and 3:4 differ from the older lists. wan3.0 prints none.
_RATIO_SIZES = {
    "480P": {"16:9": (832, 480), "9:16": (480, 832), "1:1": (624, 624)},
    "720P": {
        "16:9": (1280, 720),
        "9:16": (720, 1280),
        "1:1": (960, 960),
        "4:3": (1104, 832),
        "3:4": (832, 1104),
    },
    "1080P": {
        "16:9": (1920, 1080),
        "9:16": (1080, 1920),
        "1:1": (1440, 1440),
        "4:3": (1648, 1248),
        "3:4": (1248, 1648),
    },
}


def ratio_size(model: Model, tier: str, ratio: str, wan3_sizes: str) -> tuple[int, int]:
    """Pixels of a tier and ratio; where no table has them, or they are probed, those of the rule for pictures."""
    listed = _RATIO_SIZES.get(tier, {}).get(ratio)
    if listed is None or (model.family == "3.0" and wan3_sizes == "probe"):
        across, down = (int(side) for side in ratio.split(":"))
        return i2v_size(across, down, tier if tier in _TIER_AREA else "1080P")
    return listed


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
