"""Events for automations and dashboards: of clips (submitted, succeeded, failed, expiring, expired) and models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.events import emit_event

from footage.privacy.display import one_line

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.retirement.notice import ModelNotice
    from footage.steps.open_clips import Unfinished

PREFIX = "wan-video.clip"


def emit_clip_event(what: str, clip: Clip, **payload: Any) -> None:
    """Emit `wan-video.clip.<what>` for a clip, with its model, price and seconds."""
    order = clip.order
    emit_event(
        f"{PREFIX}.{what}",
        resource={
            "prefect.resource.id": f"{PREFIX}.{clip.key}",
            "prefect.resource.name": one_line(clip.name),
            "wan-video.model": order.model,
            "wan-video.region": order.region,
        },
        payload={
            "key": clip.key,
            "model": order.model,
            "region": order.region,
            "seconds": order.quote.seconds,
            "quoted": str(order.quote.amount),
            "currency": order.quote.currency,
            **payload,
        },
    )


def emit_expiring_event(clip: Unfinished) -> None:
    """Emit `wan-video.clip.expiring`: under four hours are left to fetch a paid result."""
    _emit_unfinished("expiring", clip)


def emit_expired_event(clip: Unfinished) -> None:
    """Emit `wan-video.clip.expired`, once: a paid result, or what may be one, was not fetched in its 24 hours."""
    _emit_unfinished("expired", clip)


def _emit_unfinished(what: str, clip: Unfinished) -> None:
    emit_event(
        f"{PREFIX}.{what}",
        resource={"prefect.resource.id": f"{PREFIX}.{clip.key}", "prefect.resource.name": clip.key[:12]},
        payload={
            "key": clip.key,
            "task_id": clip.task_id,
            "status": clip.status,
            "expires_at": clip.expires_at.isoformat() if clip.expires_at else None,
        },
    )


def emit_model_event(notice: ModelNotice) -> None:
    """Emit `wan-video.model.retiring`: a model stops, its limits shrank, or it is gone."""
    seen = notice.seen
    emit_event(
        "wan-video.model.retiring",
        resource={
            "prefect.resource.id": f"wan-video.model.{seen.model}.{seen.region}",
            "prefect.resource.name": seen.model,
            "wan-video.model": seen.model,
            "wan-video.region": seen.region,
        },
        payload=notice.to_json() | {"message": f"{notice.in_words()}; {notice.advice()}"},
    )
