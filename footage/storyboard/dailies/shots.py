"""One shot of the dailies: its player, what was asked and what came, and what to do where nothing came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from footage.storyboard.cut import Event, OutcomeState
from footage.storyboard.dailies.markup import EMPTY, Markup, fill, joined, lines, link
from footage.storyboard.take_rows import TakeRow
from footage.values.frame_rate import exact_rate, rate_number
from footage.values.money import money

STATES: dict[OutcomeState, str] = {
    "delivered": "Delivered",
    "failed": "Failed",
    "unfinished": "Unfinished",
    "held": "Held back",
    "skipped": "Skipped",
    "waiting": "Waiting for a pick",
    "rejected": "Rejected",
}

NOT_MADE = "It was not made yet."


@dataclass(frozen=True)
class View:
    """One shot with everything that the page shows of it; pictures are data: URIs."""

    event: Event
    state: OutcomeState
    clip_link: str | None
    poster: str | None
    thumb: str | None
    goes_on_in: tuple[str, ...]
    numbers: Mapping[str, int]
    takes: tuple[TakeRow, ...]

    @property
    def anchor(self) -> str:
        return f"shot-{self.event.shot.number}"


def card(view: View) -> Markup:
    event = view.event
    shot = event.shot.shot
    return fill(
        '<article class="panel shot" id="{anchor}" data-state="{state}" aria-labelledby="{anchor}-h">'
        '<div class="player">{player}</div><div>'
        '<p class="row"><span class="badge {state}">{word}</span>{chips}</p>'
        '<h3 id="{anchor}-h"><a href="#{anchor}">{id}{title}</a></h3>'
        '<p class="prompt">{prompt}</p>{why}{more}{table}{takes}{links}{warnings}</div></article>',
        anchor=view.anchor,
        state=view.state,
        word=STATES[view.state],
        chips=_chips(view),
        id=shot.id,
        title=f" · {shot.title}" if shot.title else "",
        prompt=lines(event.shot.request.prompt),
        player=_player(view),
        why=why(view, event.outcome.command if event.outcome else None),
        more=_more(view),
        table=_table(view),
        takes=_takes(view),
        links=_links(view),
        warnings=_warnings(view),
    )


def _chips(view: View) -> Markup:
    words = [view.event.shot.request.model]
    if view.event.shot.same_as is not None:
        words.append(f"same clip as {view.event.shot.same_as}")
    if (clip := view.event.clip) is not None and clip.cached:
        words.append("was there already")
    outcome = view.event.outcome
    if outcome is not None and outcome.take is not None and (outcome.picked or len(view.takes) > 1):
        words.append(f"take {outcome.take}{', picked' if outcome.picked else ''}")
    if outcome is not None and outcome.stale:
        words.append("stale")
    return joined((fill('<span class="chip">{word}</span>', word=word) for word in words), "")


def _player(view: View) -> Markup:
    event = view.event
    if view.clip_link is None:
        return frame(view)
    return fill(
        '<video controls playsinline preload="none" src="{src}"{poster} aria-label="{label}"></video>',
        src=view.clip_link,
        poster=poster_attribute(view.poster),
        label=f"Shot {event.name}, {event.duration_s:.1f} seconds. {event.shot.request.prompt[:160]}",
    )


def poster_attribute(uri: str | None) -> Markup:
    return fill(' poster="{uri}"', uri=uri) if uri else EMPTY


def frame(view: View) -> Markup:
    """The shot's picture, or in words why there is none."""
    if view.thumb is not None:
        alt = f"Shot {view.event.name}: {view.event.shot.request.prompt[:160]}"
        return fill('<div class="frame"><img src="{uri}" alt="{alt}"></div>', uri=view.thumb, alt=alt)
    words = "No picture" if view.state == "delivered" else STATES[view.state]
    return fill(
        '<div class="frame"><p class="none {state}"><b>{words}</b>{length}</p></div>',
        state=view.state,
        words=words,
        length=f"{view.event.duration_s:g} s planned" if view.state != "delivered" else "",
    )


def why(view: View, command: str | None) -> Markup:
    """Why there is no clip, and the command that mends it; nothing for a delivered shot."""
    outcome = view.event.outcome
    if view.state == "delivered":
        return EMPTY
    reason = (outcome.reason if outcome is not None else None) or NOT_MADE
    return fill(
        '<div class="why {state}"><p>{reason}</p>{command}</div>',
        state=view.state,
        reason=lines(reason),
        command=command_line(command),
    )


def command_line(command: str | None) -> Markup:
    if not command:
        return EMPTY
    return fill(
        '<div class="command"><code>{command}</code><button type="button" data-copy hidden>Copy</button></div>',
        command=command,
    )


def _more(view: View) -> Markup:
    event = view.event
    shot = event.shot.shot
    rows: list[tuple[str, Markup]] = []
    if event.shot.starts_from is not None:
        what = "the clip" if event.shot.continues else "the last frame"
        where = fill("{what} of {shot}", what=what, shot=_to(view, event.shot.starts_from))
        depth = f", link {event.shot.depth} of its chain" if event.shot.depth > 2 else ""
        rows.append(("Starts from", fill("{where}{depth}", where=where, depth=depth)))
    if event.shot.ties_told:
        rows.append(("Tied by", fill("{words}", words=event.shot.tied_by)))
    if view.goes_on_in:
        rows.append(("Goes on in", joined((_to(view, shot_id) for shot_id in view.goes_on_in), ", ")))
    if shot.transition.kind != "cut":
        length = f", {shot.transition.seconds:g} s" if shot.transition.seconds else ""
        rows.append(("Ends with", fill("{kind}{length}", kind=shot.transition.kind, length=length)))
    for label, text in (
        ("Not in it", shot.request.get("negative_prompt")),
        ("Dialogue", shot.dialogue),
        ("Sound", shot.sound),
        ("Notes", shot.notes),
    ):
        if text:
            rows.append((label, lines(text)))
    if not rows:
        return EMPTY
    items = joined(
        (fill("<dt>{label}</dt><dd>{text}</dd>", label=label, text=text) for label, text in rows), ""
    )
    return fill('<dl class="more">{items}</dl>', items=items)


def _to(view: View, shot_id: str) -> Markup:
    return fill('<a href="#shot-{number}">{id}</a>', number=view.numbers[shot_id], id=shot_id)


def _table(view: View) -> Markup:
    event, clip = view.event, view.event.clip
    request, expected = event.shot.request, event.shot.expected
    size = f"{expected.width} × {expected.height}"
    quoted = money(event.shot.quote.amount, event.shot.quote.currency)
    # Field, asked, delivered, and whether the two say the same.
    rows: list[tuple[str, str, str, bool]] = []
    if clip is None:
        rows += [("Length", f"{request.duration} s", "–", True), ("Size", size, "–", True)]
        rows += [("Rate", f"{rate_number(request.fps)} fps", "–", True), ("Price", quoted, "–", True)]
    else:
        rate = exact_rate(clip.fps)
        near = abs(clip.duration - request.duration) <= 1.5 / rate
        rows.append(("Length", f"{request.duration} s", f"{clip.duration:.2f} s", near))
        came = clip.size.replace("*", " × ")
        rows.append(("Size", size, came, came == size))
        rows.append(
            ("Rate", f"{rate_number(request.fps)} fps", f"{rate_number(rate)} fps", rate == request.fps)
        )
        rows.append(("Seed", "any" if request.seed is None else str(request.seed), str(clip.seed), True))
        paid = money(clip.cost.amount, clip.cost.currency) if clip.cost is not None else "not known"
        rows.append(("Price", quoted, paid, paid == quoted))
    body = joined(
        (
            fill(
                '<tr><th scope="row">{field}</th><td>{asked}</td><td{mark}>{came}</td></tr>',
                field=field,
                asked=asked,
                mark=EMPTY if same else Markup(' class="differs"'),
                came=came if same else f"{came} (differs)",
            )
            for field, asked, came, same in rows
        ),
        "",
    )
    return fill(
        '<table><thead><tr><td></td><th scope="col">asked</th><th scope="col">delivered</th></tr></thead>'
        "<tbody>{body}</tbody></table>",
        body=body,
    )


def _takes(view: View) -> Markup:
    """All takes of a shot that has several, or of which something was said."""
    if len(view.takes) < 2 and all(take.state == "new" for take in view.takes):
        return EMPTY
    rows = joined((_take(view, take) for take in view.takes), "")
    return fill(
        '<details><summary>Takes ({n})</summary><table class="takes"><thead><tr><th scope="col">take</th>'
        '<th scope="col">verdict</th><th scope="col">seed</th><th scope="col">price</th>'
        '<th scope="col">what differs</th></tr></thead><tbody>{rows}</tbody></table></details>',
        n=len(view.takes),
        rows=rows,
    )


def _take(view: View, take: TakeRow) -> Markup:
    own = view.clip_link or ""
    there = take.state != "not delivered" and not own.startswith(("http:", "https:"))
    name = f"{take.take}{' (in the cut)' if take.used else ''}"
    href = link(f"../../videos/{take.key}.mp4") if there else None
    said = ": ".join(filter(None, [take.state, take.note]))
    differs = [f"{field} = {value}" for field, value in take.differs.items()]
    return fill(
        '<tr><th scope="row">{name}</th><td>{said}</td><td>{seed}</td><td>{price}</td><td>{differs}</td></tr>',
        name=name if href is None else fill('<a href="{href}">{name}</a>', href=href, name=name),
        said=f"{said} ({take.by})" if take.by else said,
        seed="–" if take.seed is None else take.seed,
        price=take.price or "–",
        differs="; ".join([*differs, *([] if take.current else ["of an earlier request"])]),
    )


def _links(view: View) -> Markup:
    clip = view.event.clip
    if clip is None:
        return EMPTY
    links: list[Markup] = []
    if view.clip_link is not None:
        links.append(fill('<a href="{href}">Clip</a>', href=view.clip_link))
    for label, url in (("Original", clip.original_url), ("Evidence", clip.evidence_url)):
        if url and url.startswith(("http://", "https://")) and (href := link(url)):
            links.append(fill('<a href="{href}">{label}</a>', href=href, label=label))
    links.append(
        fill(
            "<span>{region} · key {key}</span>",
            region=clip.region,
            key=clip.key[:12],
        )
    )
    return fill('<p class="links">{links}</p>', links=joined(links))


def _warnings(view: View) -> Markup:
    clip = view.event.clip
    return notes((*view.event.shot.warnings, *(clip.warnings if clip is not None else ())))


def notes(texts: Sequence[str]) -> Markup:
    """Things to know, folded away."""
    texts = list(dict.fromkeys(texts))
    if not texts:
        return EMPTY
    items = joined((fill("<li>{text}</li>", text=text) for text in texts), "")
    return fill(
        "<details><summary>Notes ({n})</summary><ul>{items}</ul></details>", n=len(texts), items=items
    )
