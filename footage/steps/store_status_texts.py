"""The status of a store as people read it, and as Prometheus does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.values.counted import counted
from footage.values.money import by_currency, each_money

if TYPE_CHECKING:
    from footage.spending.ledger_lines import Sums
    from footage.steps.store_status import StoreStatus


def as_rows(now: StoreStatus) -> list[tuple[str, str]]:
    """What is asked, and the answer."""
    rows = [("store", now.store), ("clips waiting", _waiting(now)), ("next expiry", _expiry(now))]
    rows.append(("spent today", f"{_spent(now.spent.of_day)} ({now.spent.day})"))
    rows += [("", f"{model}: {each_money(amounts)}") for model, amounts in sorted(now.spent.of_day.items())]
    rows.append(("this month", _spent(now.spent.of_month)))
    rows += [("", cap.left_in_words(now.spent)) for cap in now.caps]
    rows.append(("creates today", _creates(now)))
    rows.append(("buying", "stopped: " + now.stopped.in_words() if now.stopped else "goes on"))
    rows += [("model" if n == 0 else "", notice.in_words()) for n, notice in enumerate(now.retiring)]
    if now.night is not None:
        damaged = f"{len(now.night.damaged)} DAMAGED: {', '.join(key[:12] for key in now.night.damaged)}"
        found = damaged if now.night.damaged else "none damaged"
        rows.append(
            (
                "last check",
                f"{now.night.at:%Y-%m-%d %H:%M} UTC, {counted(now.night.clips, 'clip')} looked at, {found}",
            )
        )
    return rows


def _waiting(now: StoreStatus) -> str:
    if not now.waiting:
        return "0"
    words = [str(len(now.waiting))]
    if now.oldest_s is not None:
        words.append(f"the oldest for {_for_how_long(now.oldest_s)}")
    if now.unknown:
        words.append(f"{now.unknown} of them perhaps bought, perhaps not")
    return ", ".join(words)


def _expiry(now: StoreStatus) -> str:
    clip = now.next_to_expire
    if clip is None or clip.expires_at is None:
        return "nothing expires"
    left_s = (clip.expires_at - now.at).total_seconds()
    when = f"in {_for_how_long(left_s)}" if left_s > 0 else "is over"
    return f"{clip.key[:12]} {when} ({clip.expires_at:%Y-%m-%d %H:%M} UTC)"


def _creates(now: StoreStatus) -> str:
    if not now.unbilled:
        return f"{now.creates}, none refused"
    return f"{now.creates}, of which " + ", ".join(
        f"{number} {why}" for why, number in sorted(now.unbilled.items())
    )


def _spent(sums: Sums) -> str:
    return each_money(
        by_currency((amount, currency) for each in sums.values() for currency, amount in each.items())
    )


def _for_how_long(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def as_prometheus(now: StoreStatus) -> str:
    """The same in Prometheus' text format; amounts are labelled with model and currency."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"wan_video_{name}", what, labels, registry=registry)

    gauge("clips_waiting", "Clips that were bought, or may have been, and are not delivered").set(
        len(now.waiting)
    )
    gauge("clips_unknown", "Clips of which nobody knows yet whether they were bought").set(now.unknown)
    gauge("oldest_clip_age_seconds", "For how long the oldest of them has waited").set(now.oldest_s or 0)
    following = now.next_to_expire
    if following is not None and following.expires_at is not None:
        gauge("next_expiry_timestamp_seconds", "When the provider deletes the next result").set(
            following.expires_at.timestamp()
        )
    for span, sums in (("day", now.spent.of_day), ("month", now.spent.of_month)):
        spent = gauge(f"spent_{span}", f"Spent or promised this {span}", ("model", "currency"))
        for model, amounts in sums.items():
            for currency, amount in amounts.items():
                spent.labels(model, currency).set(float(amount))
    if now.caps:
        left = gauge("cap_left", "What is left of a cap", ("variable", "model", "currency"))
        for cap in now.caps:
            left.labels(cap.variable, cap.model or "", cap.most.currency).set(float(cap.left(now.spent)))
    if now.retiring:
        labels = ("model", "region", "account", "successor")
        stops = gauge("model_stops_timestamp_seconds", "When a model stops; 0: no day is known", labels)
        gone = gauge("model_gone", "1 where a model takes no creates any more", labels)
        for notice in now.retiring:
            of = (*notice.seen.place, notice.successor or "")
            stops.labels(*of).set(notice.seen.offline_at.timestamp() if notice.seen.offline_at else 0)
            gone.labels(*of).set(notice.gone)
    gauge("creates_day", "Creates of today").set(now.creates)
    unbilled = gauge("creates_unbilled_day", "Creates of today that cost nothing", ("why",))
    for why in ("refused", "failed", "canceled"):
        unbilled.labels(why).set(now.unbilled.get(why, 0))
    gauge("buying_stopped", "1 while wan-video stop-buying is in force").set(now.stopped is not None)
    if now.night is not None:
        gauge("last_check_timestamp_seconds", "When stored clips were checked last").set(
            now.night.at.timestamp()
        )
        gauge("clips_damaged", "Clips that this check found damaged").set(len(now.night.damaged))
    return generate_latest(registry).decode()
