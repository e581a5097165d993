"""The folder that teaches an agent these commands, made from what help, catalogue and schemas say today.

`SKILL.md` and `references/`, as the Agent Skills specification has them (read 2026-08-09): the name is the folder's,
and the front matter has no other fields than those. Nothing is kept in the repository, so that it cannot go stale.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping
from typing import Any

from footage.catalogue import CATALOGUE
from footage.order.parse import parse_request
from footage.order.planner import plan
from footage.request import VideoRequest
from footage.settings import ROOM
from footage.values.money import amount_text

NAME = "wan-video"
DESCRIPTION = (
    "Use when the user wants AI video clips or a storyboard film made with Alibaba's Wan models (text to video, image "
    "to video), or asks what such a clip costs, where it stands, or to fetch or cancel one. Checks and prices a "
    "request, buys it once within a cap after the person agreed, and waits for the verified file. Not for cutting, "
    "editing or describing existing videos. "
    "当用户想用阿里云通义万相（Wan）模型生成视频片段或分镜短片（文生视频、图生视频），或询问价格、进度、取回或取消片段时使用："
    "先校验并报价，经本人同意后在上限内只购买一次，再等待并交付经校验的文件。不用于剪辑、修改或描述已有的视频。"
)
# What buys is never among them: the host asks its person. A host may take each for the beginning of a line, so a
# command that can buy is none of them, whatever option stands first.
ALLOWED_TOOLS = (
    "Bash(wan-video models:*) Bash(wan-video explain:*) Bash(wan-video doctor:*) Bash(wan-video status:*)"
)
EXAMPLE_REQUEST = {
    "prompt": "A paper boat sails down a rainy street, low camera, soft light",
    "model": "wan2.2-t2v-plus",
    "size": "832*480",
    "duration": 5,
}
EXAMPLE_BOARD = """\
schema: wan-video/storyboard/1
title: The boat
defaults: {model: wan2.2-t2v-plus, size: 832*480}
budget: {currency: CNY}
shots:
  - {id: s01, prompt: A paper boat sails down a rainy street}
  - {id: s02, prompt: The boat reaches a drain and turns around it}
  - {id: s03, prompt: The empty street from above after the rain}
"""
# Where the person is asked: what stands before it is free, what stands after it buys.
STOP = "**Stop and ask the person.**"

_BODY = """\
# Wan video clips

`wan-video` makes clips with Alibaba's Wan models. Each purchase costs real money; the same request is the same
clip and is never paid twice. Results are alone on stdout (`--json`), everything else is on stderr; nothing
prompts without a terminal. With `--emulator` on every command a local stand-in is used: no key, nothing is
bought, frames say EMULATED.

## 1. Choose a model

```bash
wan-video models --json
```

[references/models.md](references/models.md) has them as a table,
[references/commands.md](references/commands.md) all commands. A model whose name has `i2v` starts from an image
(`reference_image`), one with `t2v` from text alone. If a command fails before anything is asked of the
provider, `wan-video doctor` says what is missing.

## 2. Write the request and see its price

Write `request.json` ([fields](references/request.md)); a board goes into `board.yaml`
([format](references/storyboard.md)).

```bash
wan-video explain request.json --json
wan-video storyboard board.yaml --dry-run --json
```

`explain` says what becomes of every field, the price (`quote.amount`, `quote.currency`, `quote.read_on`), the
clip's `key` and `warnings`; `--dry-run` says the same of every shot and what is still `to_buy`. Both are free.
Exit code 2: correct the fields it names. A guess never buys: where a board is refused for a guess, show the
question to the person, and pass on the answer with `--map` or `--set` as the refusal says.

## 3. Ask

{stop} Say model, seconds, size, the exact price with the day it was read, and every warning. Go on only with
their own yes to this price; your own judgement, an earlier yes to another price, or a general permission is
none.

## 4. Buy, with the price as the cap

```bash
wan-video generate request.json --submit-only --max-cost "{price}" --json
wan-video wait KEY --for 45 --json
```

`--max-cost` is the price that the person agreed to. `--submit-only` returns within 45 seconds with the clip's
`key`, and exit code 5: bought, and made by a process of its own. Repeat `wait` until its exit code is no longer
5 (one to several minutes); then `video_url` is the file. If a command was cut off or you are unsure: the same
command again. A board:

```bash
wan-video storyboard board.yaml --max-cost {board_price} --max-seconds {board_seconds} --json
```

It takes minutes, and prints shots, keys, cost and the links of film, timeline and dailies. Cut off, the same
command makes what is missing.

## 5. Read the exit code

{codes}

With `--json` an error is JSON on stdout: `kind`, `fields` (each with value and what is allowed), `retryable`,
`billed` (`no`, `yes`, `unknown`) and `next`. Do what `next` says, unless it is listed below.

## Never, without the person asking for exactly that

- `--buy-again` and `wan-video adopt`: they settle what may have been paid; show the person the command instead.
- A higher cap than the one they agreed to, or other limits of the environment (`WAN_VIDEO_MAX_COST_PER_DAY` …).
- `take`, another seed or a reworded prompt to get around an error or a clip that is still made: that is a
  second purchase.
- `wan-video retake`, `--retry-failed`, `wan-video cancel`, `wan-video resume-buying`, `wan-video setup`.
- `--accept-guesses`.
- Reading or printing keys; they are found by the command itself.
"""


def skill_files(commands: Mapping[str, str], exit_codes: str) -> dict[str, str]:
    """The files of the folder by path; `commands` and `exit_codes` are those of the command line's help."""
    one = plan(parse_request(EXAMPLE_REQUEST)).quote
    shots = len(re.findall("^  - ", EXAMPLE_BOARD, re.MULTILINE))
    body = _BODY.format(
        stop=STOP,
        codes=_exit_codes(exit_codes),
        price=f"{amount_text(one.amount)} {one.currency}",
        board_price=amount_text(one.amount * shots),
        board_seconds=one.seconds * shots,
    )
    return {
        "SKILL.md": _front_matter() + body,
        "references/models.md": _models(),
        "references/request.md": _request(),
        "references/storyboard.md": _storyboard(),
        "references/commands.md": _commands(commands),
    }


def _front_matter() -> str:
    version = importlib.metadata.version("wan-video")
    fields = {
        "name": NAME,
        "description": DESCRIPTION,
        "license": "Apache-2.0",
        "compatibility": "Needs the command wan-video (Python 3.11 or newer), and a key of Alibaba Model Studio unless "
        "--emulator is used.",
        "allowed-tools": ALLOWED_TOOLS,
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    metadata = {"origin": ROOM, "version": version}
    lines += ["metadata:", *(f"  {name}: {json.dumps(value)}" for name, value in metadata.items())]
    return "\n".join(["---", *lines, "---", "", ""])


def _exit_codes(text: str) -> str:
    """The sentence of the help as a table."""
    codes = text.removeprefix("Exit codes: ").partition(". ")[0]
    rows = [part.strip().split(" ", 1) for part in codes.split(";")]
    return _table(("code", "means"), rows)


def _models() -> str:
    rows = [
        (
            f"`{card.name}`",
            "image" if card.kind == "i2v" else "text",
            ", ".join(map(str, card.durations)),
            " ".join(card.tiers) or "?",
            card.audio,
            ", ".join(sorted(card.regions)),
        )
        for card in CATALOGUE.models.values()
    ]
    prices = [
        (
            f"`{card.name}`",
            price.region,
            price.tier,
            _sound(price.audio),
            f"{price.per_second} {price.currency}",
        )
        for card in CATALOGUE.models.values()
        for price in card.prices
    ]
    tiers = [(name, " ".join(f"`{size}`" for size in sizes)) for name, sizes in CATALOGUE.tiers.items()]
    read_on = max(card.read_on for card in CATALOGUE.models.values())
    return "\n".join(
        (
            "# Models",
            "",
            f"As known on {read_on}; `wan-video models --json` is newer where it differs.",
            "",
            _table(("model", "starts from", "seconds", "tiers", "sound", "regions"), rows),
            "",
            "Sound: none; switch (has sound unless `audio` is false, which costs half); always; unknown.",
            "",
            "## Price per second",
            "",
            _table(("model", "region", "tier", "sound", "price"), prices),
            "",
            "## Sizes",
            "",
            _table(("tier", "`size`"), tiers),
            "",
        )
    )


def _sound(audio: bool | None) -> str:
    return {None: "", True: "with sound", False: "silent"}[audio]


def _request() -> str:
    schema = VideoRequest.model_json_schema()
    example = json.dumps(EXAMPLE_REQUEST, ensure_ascii=False, indent=2)
    return "\n".join(
        (
            "# A request",
            "",
            "One JSON object. Only `prompt` is required; a field that is none is refused.",
            "",
            f"```json\n{example}\n```",
            "",
            _fields(schema["properties"]),
            "",
        )
    )


def _storyboard() -> str:
    from footage.storyboard.board import REQUEST_FIELDS, Budget, Shot
    from footage.storyboard.read import FORMATS

    shot = {
        name: form
        for name, form in Shot.model_json_schema()["properties"].items()
        if name not in REQUEST_FIELDS and name != "request"
    }
    return "\n".join(
        (
            "# A storyboard",
            "",
            "YAML or JSON. `defaults` has fields of a request for all shots; a shot's own fields win.",
            "",
            f"```yaml\n{EXAMPLE_BOARD}```",
            "",
            "## Fields of a shot, besides those of a request",
            "",
            _fields(shot),
            "",
            "## `budget`",
            "",
            _fields(Budget.model_json_schema()["properties"]),
            "",
            f"Other formats that are read as they are: {', '.join(FORMATS[1:])}.",
            "",
        )
    )


def _commands(commands: Mapping[str, str]) -> str:
    rows = [(f"`wan-video {name}`", summary.splitlines()[0]) for name, summary in commands.items()]
    return "\n".join(
        (
            "# Commands",
            "",
            "All options, with values and defaults: `wan-video commands --json`, or `wan-video help COMMAND`.",
            "",
            _table(("command", "does"), rows),
            "",
        )
    )


def _fields(properties: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", _default(form.get("default")), form.get("description", ""))
        for name, form in properties.items()
    ]
    return _table(("field", "default", "what it does"), rows)


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`"


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [
        [*heads],
        ["---"] * len(heads),
        *([str(cell).replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
