"""Dailies: one self-contained page per board, to look at what came, what it cost and what to do about the rest.

Style, script and posters are inside the page; the clips are links beside it. It opens from a disk, loads nothing
from elsewhere and needs no script to be complete.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from footage.storyboard.budget import Statement
from footage.storyboard.cut import Event, ShotOutcome, cut
from footage.storyboard.dailies import pictures
from footage.storyboard.dailies.continuity import drawing
from footage.storyboard.dailies.figures import filters, meter, tiles
from footage.storyboard.dailies.markup import EMPTY, Markup, fill, joined, link
from footage.storyboard.dailies.shots import View, card, frame, notes, poster_attribute
from footage.storyboard.dailies.todo import todo
from footage.storyboard.plan import BoardPlan
from footage.storyboard.take_rows import TakeRow
from footage.values.counted import counted

__all__ = ["render_dailies"]


def render_dailies(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    *,
    made_at: datetime.datetime,
    clips: Mapping[str, str],
    posters: Mapping[str, bytes],
    downloads: Mapping[str, str] | None = None,
    film: str | None = None,
    subtitles: Mapping[str, str] | None = None,
    statement: Statement | None = None,
    notices: Sequence[str] = (),
    takes: Mapping[str, Sequence[TakeRow]] | None = None,
) -> str:
    """The page as HTML text.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id; a shot without an entry counts as unfinished.
        made_at: When the page is made, with its time zone.
        clips: Where each clip is, by shot id: a path relative to the page, or an http(s) URL.
        posters: A picture of each clip, by shot id, JPEG or PNG of any size.
        downloads: Other files of the board, label -> path relative to the page.
        film: The joined film, as a path relative to the page.
        subtitles: Its subtitles as WebVTT text, by language tag.
        statement: What this run promised and bought, and what was paid before.
        notices: Lines for the top of the page, such as guesses made while the board was read.
        takes: The takes of each shot, by its id.
    """
    views = _views(plan, outcomes, clips, posters, takes or {})
    script = Markup(_resource("page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return fill(
        _PAGE,
        title=plan.board.title,
        # Nothing but what is in the page may run or load; a prompt that got through could still do nothing.
        policy="default-src 'none'; img-src data:; media-src * data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'",
        style=Markup(
            _resource("page.css").replace(
                "--shadow:", f"--shape: {plan.format.width} / {plan.format.height}; --shadow:", 1
            )
        ),
        script=script,
        eyebrow=f"Dailies · {made_at:%d %b %Y, %H:%M} {made_at:%Z}".rstrip(),
        about=f"{counted(len(views), 'shot')} · {plan.format} · prices of {plan.quote.read_on:%d %b %Y}",
        tiles=tiles(plan, views, statement),
        meter=meter(views),
        files=_files(downloads or {}),
        filters=filters(views),
        todo=todo(views),
        film=_film(film, plan.board.title, views, subtitles or {}),
        sheet=joined(_tile(view) for view in views),
        chains=_chains(views),
        scenes=joined(_scenes(views)),
        notes=_notes([*notices, *plan.warnings]),
        sources=", ".join(plan.quote.sources),
    )


def _resource(name: str) -> str:
    return files("footage.storyboard.dailies").joinpath(name).read_text(encoding="utf-8")


def _views(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    clips: Mapping[str, str],
    posters: Mapping[str, bytes],
    takes: Mapping[str, Sequence[TakeRow]],
) -> list[View]:
    events = cut(plan, outcomes)
    numbers = {event.shot.id: event.shot.number for event in events}
    after: dict[str, list[str]] = {}
    for event in events:
        if event.shot.starts_from is not None:
            after.setdefault(event.shot.starts_from, []).append(event.shot.id)
    widths = pictures.sizes(len(events))
    views: list[View] = []
    for event in events:
        poster = posters.get(event.shot.id)
        shown = pictures.small(poster, widths) if poster else None
        views.append(
            View(
                event=event,
                state=event.outcome.state if event.outcome is not None else "unfinished",
                clip_link=link(clips.get(event.shot.id, "")) if event.clip is not None else None,
                poster=shown[0] if shown is not None else None,
                thumb=shown[1] if shown is not None else None,
                goes_on_in=tuple(after.get(event.shot.id, ())),
                numbers=numbers,
                takes=tuple(takes.get(event.shot.id, ())),
            )
        )
    return views


def _files(downloads: Mapping[str, str]) -> Markup:
    links = [
        fill(
            '<a href="{href}"{saved}>{label}</a>',
            href=href,
            label=label,
            saved=EMPTY if path.endswith(".html") else Markup(" download"),
        )
        for label, path in downloads.items()
        if (href := link(path)) is not None
    ]
    return fill('<div class="files">{links}</div>', links=joined(links)) if links else EMPTY


def _film(film: str | None, title: str, views: Sequence[View], subtitles: Mapping[str, str]) -> Markup:
    href = link(film) if film else None
    if href is None:
        return EMPTY
    poster = next((view.poster for view in views if view.poster is not None), None)
    whole = all(view.event.clip is not None for view in views)
    return fill(
        '<section class="film" aria-labelledby="film"><h2 id="film">{heading}</h2>'
        '<video controls playsinline preload="none" src="{href}"{poster} aria-label="{title}">'
        "{tracks}</video></section>",
        heading="The film" if whole else "The film so far",
        href=href,
        poster=poster_attribute(poster),
        title=f"The film: {title}",
        tracks=joined((_track(tag, text) for tag, text in subtitles.items()), ""),
    )


def _track(tag: str, text: str) -> Markup:
    # Inside the page: a browser takes none from beside a page that lies on a disk.
    data = base64.b64encode(text.encode()).decode("ascii")
    return fill(
        '<track kind="subtitles" srclang="{tag}" label="{tag}" src="{uri}">',
        tag=tag,
        uri=Markup(f"data:text/vtt;base64,{data}"),
    )


def _tile(view: View) -> Markup:
    return fill(
        '<a href="#{anchor}">{frame}<b>{id}</b> <span class="soft">{length} s{title}</span></a>',
        anchor=view.anchor,
        frame=frame(view),
        id=view.event.shot.id,
        length=f"{view.event.duration_s:.3g}",
        title=f" · {view.event.shot.shot.title}" if view.event.shot.shot.title else "",
    )


def _chains(views: Sequence[View]) -> Markup:
    events: list[Event] = [view.event for view in views]
    picture = drawing(events)
    if not picture:
        return EMPTY
    return fill(
        '<section aria-labelledby="chains"><h2 id="chains">Continuity</h2><div class="panel">{picture}'
        '<p class="small soft">An arrow: the last frame of one shot is the first of the next.</p></div></section>',
        picture=picture,
    )


def _scenes(views: Sequence[View]) -> list[Markup]:
    """The cards, with a heading wherever scene or slug line change."""
    groups: list[tuple[tuple[str | None, str | None], list[View]]] = []
    for view in views:
        shot = view.event.shot.shot
        if not groups or groups[-1][0] != (shot.scene, shot.slug):
            groups.append(((shot.scene, shot.slug), []))
        groups[-1][1].append(view)
    return [
        fill(
            "<div data-scene>{heading}{cards}</div>",
            heading=_scene_heading(scene, slug),
            cards=joined(card(view) for view in group),
        )
        for (scene, slug), group in groups
    ]


def _scene_heading(scene: str | None, slug: str | None) -> Markup:
    if not scene and not slug:
        return fill('<h2 class="scene">{word}</h2>', word="Shots")
    return fill(
        '<h2 class="scene">{scene}<span>{slug}</span></h2>',
        scene=f"Scene {scene}" if scene else "",
        slug=slug or "",
    )


def _notes(texts: Sequence[str]) -> Markup:
    folded = notes(texts)
    return fill('<section><div class="panel">{notes}</div></section>', notes=folded) if folded else EMPTY


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title} · Dailies</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#shots">To the shots</a>
<header class="wrap">
<p class="eyebrow">{eyebrow}</p>
<h1>{title}</h1>
<p class="soft">{about}</p>
<dl class="tiles">{tiles}</dl>
<div class="meter" aria-hidden="true">{meter}</div>
{files}
</header>
<nav aria-label="Show shots by state" hidden><div class="wrap">{filters}</div></nav>
<main class="wrap">
{todo}
{film}
<section aria-labelledby="sheet"><h2 id="sheet">Contact sheet</h2><div class="sheet">{sheet}</div></section>
{chains}
<section id="shots" aria-label="Shots">{scenes}</section>
{notes}
</main>
<footer class="wrap"><p>Lengths, sizes and rates are measured on the delivered files. Prices: {sources}; the provider's
bill is the authority.</p></footer>
<script>{script}</script>
</body>
</html>
"""
