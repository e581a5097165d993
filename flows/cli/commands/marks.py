"""`wan-video marks`: what do files, clips and films say of how they were made, and was any of it lost?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import print_json, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors import InvalidRequest, Problem
from footage.values.counted import counted

if TYPE_CHECKING:
    from footage.context import Context
    from footage.marks import FileReport, Kind

File = Annotated[Path | None, Parameter(metavar="FILE")]
_ENDINGS = (".mp4", ".m4v", ".mov", ".jpg", ".jpeg")


def marks(
    *things: str,
    before: File = None,
    after: File = None,
    require: Annotated[str | None, Parameter(metavar="MARKS")] = None,
    emulator: Switch = False,
    json: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """Say which marks of generated content files have: found, wrong, lost or unreadable.

    Asks no provider. Ends with 0 if nothing is lost or wrong; a file without marks is told and no failure, unless it
    is required to have them. Ends with 7 if something is lost, wrong or unreadable.

    Args:
        things: Video files and posters, keys of clips or their beginnings (6 characters or more), or a board: its
            file, or its title.
        before: A file, to be compared with what was made from it.
        after: The file that was made from it.
        require: Marks that each file must have: aigc, c2pa, or both with a comma. Originals beside published clips are
            as they came, and nothing is required of them.
        emulator: The clips were made with --emulator.
        json: Print what was found as JSON, alone on stdout.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    required = _required(require)
    _check_question(things, before, after)
    anchors = _anchors()
    if before is not None and after is not None:
        found = [_compared(before, after, anchors)]
    else:
        found = _found(things, anchors, emulator, storage_block)
    faulty = [report for report in found if report.faults(required)]
    for report in found:
        _tell(report, required, anchors)
    if json:
        trust = None if anchors is None else str(anchors)
        files = [report.to_json(required) for report in found]
        print_json({"files": files, "faulty": len(faulty), "trust_anchors": trust})
    tell(
        f"{counted(len(found), 'file')} looked at, {len(faulty)} with something lost, wrong, missing or unreadable.",
        "bold",
    )
    return 7 if faulty else 0


def _required(text: str | None) -> tuple[Kind, ...]:
    from footage.marks import KINDS

    words = [word.strip().lower() for word in (text or "").split(",") if word.strip()]
    if (text is not None and not words) or set(words) - set(KINDS):
        raise InvalidRequest(
            problems=(Problem("require", text or "(nothing)", "names no mark", "aigc, c2pa, or aigc,c2pa"),)
        )
    return tuple(kind for kind in KINDS if kind in words)


def _check_question(things: tuple[str, ...], before: Path | None, after: Path | None) -> None:
    if (before is None) != (after is None):
        missing = "before" if before is None else "after"
        raise InvalidRequest(
            problems=(Problem(missing, "(nothing)", "both files are needed to compare them"),)
        )
    if bool(things) == (before is not None):
        given = "both" if things else "(nothing)"
        what = "files, keys or a board, or two files with --before and --after"
        raise InvalidRequest(problems=(Problem("things", given, "say what to look at", what),))


def _anchors() -> Path | None:
    """Who is trusted, as the settings say.

    Raises:
        InvalidRequest: Their file cannot be used: then no manifest is trusted or untrusted.
    """
    from footage.marks.trust_anchors import read_anchors
    from footage.privacy.display import shown
    from footage.settings import load_settings

    name = load_settings().c2pa_trust_anchors
    if name is None:
        return None
    path = Path(name).expanduser()
    try:
        read_anchors(path)
    except ValueError as error:
        problem = Problem(
            "WAN_VIDEO_C2PA_TRUST_ANCHORS", shown(name), f"{error}.", "a file of certificates in PEM"
        )
        raise InvalidRequest(problems=(problem,), next_step="correct the environment variable") from None
    return path


def _compared(before: Path, after: Path, anchors: Path | None) -> FileReport:
    from footage.marks import FileReport

    old, new = _of_file(before, anchors), _of_file(after, anchors)
    return FileReport(new.name, new.marks, old.marks.lost_in(new.marks))


def _found(
    things: tuple[str, ...], anchors: Path | None, emulator: bool, storage_block: str | None
) -> list[FileReport]:
    local = [Path(thing).expanduser() for thing in things]
    if all(_is_media(path) for path in local):
        return [_of_file(path, anchors) for path in local]
    with emulated(emulator), store_here(storage_block) as context:
        return [report for thing in things for report in _of_thing(context, thing, anchors)]


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS


def _of_thing(context: Context, thing: str, anchors: Path | None) -> list[FileReport]:
    from footage.privacy.display import shown
    from footage.steps.check import full_key
    from footage.steps.clip_marks import clip_reports
    from footage.storyboard.board_marks import board_reports

    path = Path(thing).expanduser()
    if _is_media(path):
        return [_of_file(path, anchors)]
    folder = _board_folder(context, path, thing)
    if folder is not None:
        return board_reports(context.store, folder, anchors)
    try:
        key = full_key(context, thing)
    except InvalidRequest:
        what = "a video file, a key below evidence/, a board's file, or the title of a board that has a film"
        raise InvalidRequest(
            problems=(Problem("things", shown(thing), "There is no such file, clip or board.", what),)
        ) from None
    return clip_reports(context.store, key, anchors)


def _board_folder(context: Context, path: Path, thing: str) -> str | None:
    """The folder of a board that has a film, by the board's file or its title; None: it is none."""
    from footage.storyboard import read_board
    from footage.storyboard.cut import file_name

    title = read_board(path).board.title if path.is_file() else thing
    names = [file_name(title, otherwise="storyboard"), title.strip("/").removeprefix("storyboards/")]
    known = set(context.store.folders("storyboards"))
    name = next((name for name in names if name in known), None)
    return (
        None
        if name is None or not context.store.exists(f"storyboards/{name}/film.mp4")
        else f"storyboards/{name}"
    )


def _of_file(path: Path, anchors: Path | None) -> FileReport:
    from footage.marks import FileReport, read_marks
    from footage.privacy.display import shown

    if not path.is_file():
        raise InvalidRequest(
            problems=(
                Problem("things", shown(str(path)), "There is no such file.", "a video file or a poster"),
            )
        )
    return FileReport(str(path), read_marks(path, anchors=anchors))


def _tell(report: FileReport, required: tuple[Kind, ...], anchors: Path | None) -> None:
    marks = report.marks
    labels = ", ".join(dict.fromkeys(label.place for label in marks.labels))
    tell(
        f"{report.name}: AIGC {f'found ({labels})' if labels else 'not found'}, C2PA {_state(report, anchors)}"
    )
    for fault in report.faults(required):
        tell(f"  {fault}", "red")
    for note in report.notes:
        tell(f"  {note}")


def _state(report: FileReport, anchors: Path | None) -> str:
    manifest = report.marks.manifest
    if manifest is None:
        return "not found"
    # What is trusted or not is said by those who are trusted.
    trust = {"valid": ", untrusted" if anchors else ", no trust anchors are set"}.get(manifest.state, "")
    return f"found ({manifest.state}{trust})"
