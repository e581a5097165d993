"""One `video.generate` request becomes a stored, verified, evidenced clip.

    check ─► probe ─► submit ─► poll ─► deliver ─► evidence ─► response

A run that is retried, triggered again or started on another machine goes on where the evidence ends.

Requires: a Model Studio key in the block "dashscope", in DASHSCOPE_API_KEY or in ~/.alibabacloud/credentials.
Blocks: DashScope Credentials and Video Storage, both optional.
"""

from __future__ import annotations

from typing import Any, Literal

from prefect import State, flow
from prefect.runtime import flow_run

from footage.clip import follow
from footage.errors import FootageError
from footage.evidence.state import Permission
from footage.order.event_payload import request_of
from footage.spending.caps import clip_cap
from tasks.check import check, check_again, clip_name, event_name, finish_name
from tasks.context import context_of
from tasks.final_states import finished, stopped
from tasks.hooks import cancel_clips
from tasks.parameters import (
    ClipCap,
    ClipKey,
    Color,
    Duration,
    JsonText,
    Model,
    Prompt,
    Rate,
    References,
    Region,
    Seed,
    Size,
    Take,
    YesOrNo,
)
from tasks.probe import probe
from tasks.steps import STEPS


@flow(
    name="generate-video",
    flow_run_name=clip_name,
    on_cancellation=[cancel_clips],
    persist_result=True,
    result_serializer="json",
)
async def generate_video(
    # The form asks for it; a schedule whose parameters are gone does not.
    prompt: Prompt = "",
    negative_prompt: str | None = None,
    duration: Duration = 5,
    fps: Rate = 30,
    size: Size = "1280*720",
    seed: Seed | None = None,
    reference_image: str | None = None,
    last_frame: str | None = None,
    references: References | None = None,
    extend_from: str | None = None,
    motion_strength: float | None = None,
    model: Model = "wan2.6-i2v-flash",
    region: Region | None = None,
    prompt_extend: YesOrNo | None = None,
    shot_type: Literal["single", "multi"] | None = None,
    audio: YesOrNo | None = None,
    audio_url: str | None = None,
    watermark: bool = False,
    visible_label: Literal["none", "provider", "own"] = "none",
    take: Take = 1,
    strict: bool = False,
    conform: Literal["auto", "never"] = "auto",
    fit: Literal["crop", "pad", "keep"] = "crop",
    pad_color: Color = "#000000",
    credentials_block: str | None = None,
    storage_block: str | None = None,
    max_cost: ClipCap | None = None,
    retry_failed: bool = False,
    buy_again: bool = False,
) -> State[dict[str, Any]]:
    """Make one clip, or return the one that is stored already.

    Args:
        prompt: What the clip shows.
        negative_prompt: What it must not show; at most 500 characters.
        duration: Length in whole seconds: 5 for the 2.1 and 2.2 models, 2 to 15 for most others. Billed by the second.
        fps: Frames per second, 1 to 60; 23.976 is 24000/1001. The models deliver 30; another rate is made here.
        size: Width and height in pixels; decides the price tier, and not every model makes every size
            (wan2.2-t2v-plus does not make the default).
        seed: 0 to 2147483647; empty: chosen from the rest of the request.
        reference_image: The first frame, which the i2v models need (the default is one of them) and the t2v models
            do not take: an http(s) URL, an absolute path on the worker (below a folder of WAN_VIDEO_INPUT_ROOTS) or
            a data: URI. Prefect stores it as it is: a signed link opens the image for whoever may read this run,
            until it expires.
        last_frame: The picture that the clip ends with, beside a first frame; none of the seven models takes it.
        references: Who appears or is heard, in the order in which the prompt counts them: objects with image, video or
            voice and where that is. The seven models take none.
        extend_from: A clip that goes on: the key of one in the store, a URL or a path on the worker. The seven models
            take none.
        motion_strength: No Wan model has it; it is reported as dropped.
        model: One of the seven, or one that is switched on, by exact name. The i2v models start from an image and need
            reference_image; the t2v models need the prompt alone.
        region: Where the clip is made; empty: the region of the key.
        prompt_extend: Whether the provider rewrites the prompt; empty: yes.
        shot_type: One shot or several within the clip; 2.6 models only.
        audio: Whether the clip has sound; only wan2.6-i2v-flash can be asked. Empty: with sound, at twice the price.
        audio_url: Sound to use, as an http(s) URL; 2.6 models only. Prefect stores it as it is, signed or not.
        watermark: Whether the provider marks the picture as made by AI.
        visible_label: provider is watermark, of a model that is known to draw one; own draws AI生成 over the first
            3 seconds here, on a copy.
        take: A new number is a new clip of the same request.
        strict: Refuse a request with a field that would be dropped.
        conform: auto converts a clip that arrives with another rate or size; never leaves it as it is.
        fit: How the reference image meets the shape of size.
        pad_color: Colour of added bars, as #RRGGBB.
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR.
        max_cost: The most that the clip may cost, such as 0.70 CNY or 0.10 USD; a dearer one is not bought.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for a clip whose first purchase is lost or unknown.
    """
    request = {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "duration": duration,
        "fps": fps,
        "size": size,
        "seed": seed,
        "reference_image": reference_image,
        "last_frame": last_frame,
        "references": references or [],
        "extend_from": extend_from,
        "motion_strength": motion_strength,
        "model": model,
        "region": region,
        "prompt_extend": prompt_extend,
        "shot_type": shot_type,
        "audio": audio,
        "audio_url": audio_url,
        "watermark": watermark,
        "visible_label": visible_label,
        "take": take,
        "strict": strict,
        "conform": conform,
        "fit": fit,
        "pad_color": pad_color,
    }
    try:
        permission = Permission(max_cost=clip_cap(max_cost), retry_failed=retry_failed, buy_again=buy_again)
        async with context_of(flow_run.id, credentials_block, storage_block) as context:
            clip = await check(context, request, permission, model)
            if clip.response is None:
                await probe(context, clip.order.region, model)
                await follow(clip, STEPS)
            return await finished(clip)
    except FootageError as error:
        return await stopped("The clip", error)


@flow(
    name="generate-from-event",
    flow_run_name=event_name,
    on_cancellation=[cancel_clips],
    persist_result=True,
    result_serializer="json",
)
async def generate_from_event(payload: JsonText) -> State[dict[str, Any]]:
    """Make the clip that an event asks for. The payload can name fields of a request and nothing else.

    Args:
        payload: The request as JSON text. Taken literally: neither variables nor templates are filled in.
    """
    try:
        request = request_of(payload)
        async with context_of(flow_run.id) as context:
            clip = await check(context, request, Permission(), request.model)
            if clip.response is None:
                await probe(context, clip.order.region, request.model)
                await follow(clip, STEPS)
            return await finished(clip)
    except FootageError as error:
        return await stopped("The clip", error)


@flow(
    name="finish-video",
    flow_run_name=finish_name,
    on_cancellation=[cancel_clips],
    persist_result=True,
    result_serializer="json",
)
async def finish_video(
    key: ClipKey,
    credentials_block: str | None = None,
    storage_block: str | None = None,
    max_cost: ClipCap | None = None,
    retry_failed: bool = False,
    buy_again: bool = False,
    board: str | None = None,
    region: Region | None = None,
) -> State[dict[str, Any]]:
    """Go on with a clip that was ordered before, from its evidence alone: its files need not exist any more.

    Args:
        key: The clip's key, or its beginning (6 characters or more).
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR.
        max_cost: The most that the clip may cost, such as 0.70 CNY or 0.10 USD; a dearer one is not bought.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for a clip whose first purchase is lost or unknown.
        board: Title of the storyboard that asks for it, for the ledger.
        region: Where the clip is bought, if it is not yet; empty: where its first order asked for, else in the region
            of the API key.
    """
    try:
        permission = Permission(max_cost=clip_cap(max_cost), retry_failed=retry_failed, buy_again=buy_again)
        async with context_of(flow_run.id, credentials_block, storage_block) as context:
            clip = await check_again(context, key, permission, board, region)
            if clip.response is None:
                await probe(context, clip.order.region, clip.order.model)
                await follow(clip, STEPS)
            return await finished(clip)
    except FootageError as error:
        return await stopped("The clip", error)
