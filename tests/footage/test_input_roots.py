"""Which files a deployed run reads: those below the folders that the operator allows, and no other."""

import os
from pathlib import Path

import pytest
from pictures import picture

from footage.context import open_context
from footage.errors import InvalidRequest
from footage.input_roots import InputRoots
from footage.reference import load
from footage.settings import load_settings
from footage.storyboard import plan_board, read_board


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """What is allowed, which is also where the process works, and what is not; both with a picture."""
    inside, elsewhere = tmp_path / "inside", tmp_path / "elsewhere"
    for folder in (inside, elsewhere):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "boat.jpg").write_bytes(picture())
    (inside / "out").symlink_to(elsewhere)
    (inside / "picture.jpg").symlink_to(elsewhere / "deep" / "boat.jpg")
    (inside / "dangling.jpg").symlink_to(elsewhere / "nope.jpg")
    (inside / "within.jpg").symlink_to(inside / "deep" / "boat.jpg")
    monkeypatch.chdir(inside)
    monkeypatch.setenv("HOME", str(elsewhere))
    return inside, elsewhere


def no_network(url: str) -> bytes:
    raise AssertionError(url)


def refusal(reference: str, roots: InputRoots) -> str:
    with pytest.raises(InvalidRequest) as caught:
        load(reference, no_network, roots)
    (problem,) = caught.value.problems
    return f"{problem.message} {problem.allowed}"


@pytest.mark.parametrize(
    "reference",
    [
        "{inside}/deep/boat.jpg",
        "deep/boat.jpg",
        "./deep/../deep/boat.jpg",
        "file://{inside}/deep/boat.jpg",
        "within.jpg",
    ],
)
def test_what_lies_inside_is_read(folders: tuple[Path, Path], reference: str) -> None:
    assert load(reference.format(inside=folders[0]), no_network, InputRoots([folders[0]])) == picture()


@pytest.mark.parametrize(
    "reference",
    [
        "{elsewhere}/deep/boat.jpg",
        "{elsewhere}/nope.jpg",
        "{elsewhere}",
        "{elsewhere}/deep/boat.jpg/x",
        "{inside}-not/boat.jpg",
        "../elsewhere/deep/boat.jpg",
        "../elsewhere/nope.jpg",
        "{inside}/../elsewhere/deep/boat.jpg",
        "out/deep/boat.jpg",
        "out/nope.jpg",
        "picture.jpg",
        "dangling.jpg",
        "~/deep/boat.jpg",
        "~nobody-of-that-name/x.jpg",
        "~root/x.jpg",
        "file://{elsewhere}/deep/boat.jpg",
        "file://{elsewhere}/nope.jpg",
        "file://localhost{elsewhere}/deep/boat.jpg",
        "file:///{inside}/%2e%2e/elsewhere/deep/boat.jpg",
        "FILE:{elsewhere}/deep/boat.jpg",
        "/proc/self/cwd/../elsewhere/deep/boat.jpg",
        "/proc/self/root{elsewhere}/deep/boat.jpg",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/dev/zero",
        "/dev/stdin",
        "/dev/nope",
        "/etc/shadow",
        "x" * 5000 + "/../../../elsewhere/deep/boat.jpg",
    ],
)
def test_what_lies_outside_gets_one_answer_whether_it_is_there_or_not(
    folders: tuple[Path, Path], reference: str
) -> None:
    inside, elsewhere = folders
    roots = InputRoots([inside])

    told = refusal(reference.format(inside=inside, elsewhere=elsewhere), roots)

    assert told == refusal(str(elsewhere / "neither"), roots)


def test_a_file_that_is_missing_inside_is_said_to_be_missing(folders: tuple[Path, Path]) -> None:
    assert "No such file" in refusal("deep/nope.jpg", InputRoots([folders[0]]))


def test_a_link_that_is_put_there_after_the_look_is_not_followed(folders: tuple[Path, Path]) -> None:
    inside, elsewhere = folders

    class Swapping(InputRoots):
        """Somebody swaps the folder in the moment between looking and opening."""

        def _place(self, path: str | Path) -> tuple[Path, tuple[str, ...]] | None:
            place = super()._place(path)
            (inside / "deep").rename(inside / "was")
            (inside / "deep").symlink_to(elsewhere / "deep")
            return place

    with pytest.raises(InvalidRequest, match="WAN_VIDEO_INPUT_ROOTS"):
        os.close(Swapping([inside]).open("deep/boat.jpg", "reference_image"))


def test_by_default_it_is_the_working_folder_and_output_dir(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    _, elsewhere = folders

    roots = open_context(load_settings(output_dir=str(tmp_path / "clips")), bounded=True).input_roots

    assert roots.allows("deep/boat.jpg")
    assert roots.allows(tmp_path / "clips" / "x.png")
    assert not roots.allows(elsewhere / "deep" / "boat.jpg")


def test_the_operator_names_other_folders(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, elsewhere = folders
    monkeypatch.setenv("WAN_VIDEO_INPUT_ROOTS", f'["{elsewhere}"]')

    context = open_context(load_settings(output_dir=str(tmp_path / "clips")), bounded=True)

    assert context.input_roots.allows(elsewhere / "deep" / "boat.jpg")
    assert not context.input_roots.allows(inside / "deep" / "boat.jpg")
    # What the store itself has, such as a frame of a finished clip, may always start another.
    assert context.input_roots.allows(Path(context.store.url) / "videos" / "a.last.png")
    assert not open_context(load_settings(output_dir=str(tmp_path / "clips"))).input_roots.bounded


@pytest.mark.parametrize("value", ["/srv", '["srv"]', '["s3://bucket"]', "[1]", '["~nobody-of-that-name/x"]'])
def test_a_setting_that_names_no_folders_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_VIDEO_INPUT_ROOTS", value)

    with pytest.raises(InvalidRequest, match="WAN_VIDEO_INPUT_ROOTS"):
        load_settings()


@pytest.mark.parametrize("board", ["boards/nope.csv", "/nowhere/nope.csv"])
def test_a_board_that_is_not_read_is_answered_with_the_folder_that_relative_paths_start_from(
    folders: tuple[Path, Path], board: str
) -> None:
    inside, _ = folders

    with pytest.raises(InvalidRequest) as caught:
        read_board(board, roots=InputRoots([inside]))

    assert f"A relative path starts where this process works: {str(inside)!r}" in str(caught.value)


def test_a_board_outside_is_refused_and_one_inside_reads_its_own_folder(folders: tuple[Path, Path]) -> None:
    inside, elsewhere = folders
    rows = "prompt,image,model\nA boat,{},wan2.6-i2v-flash\n"
    (inside / "board.csv").write_text(rows.format("deep/boat.jpg"))
    (elsewhere / "board.csv").write_text(rows.format("deep/boat.jpg"))
    roots = InputRoots([inside])

    assert plan_board(read_board("board.csv", roots=roots).board, no_network, roots=roots).shots
    for outside in (elsewhere / "board.csv", elsewhere / "nope.csv", "out/board.csv"):
        with pytest.raises(InvalidRequest, match=r"board = .*WAN_VIDEO_INPUT_ROOTS"):
            read_board(outside, roots=roots)


@pytest.mark.parametrize(
    "image", ["{elsewhere}/deep/boat.jpg", "{elsewhere}/nope.jpg", "out/nope.jpg", "picture.jpg"]
)
def test_a_picture_of_a_board_is_not_even_looked_for_outside(folders: tuple[Path, Path], image: str) -> None:
    inside, elsewhere = folders
    roots = InputRoots([inside])
    row = {"prompt": "A boat", "image": image.format(elsewhere=elsewhere), "model": "wan2.6-i2v-flash"}

    reading = read_board([row], base=inside, roots=roots)

    assert not [guess for guess in reading.guesses if "there is no file" in str(guess)]
    with pytest.raises(InvalidRequest, match="WAN_VIDEO_INPUT_ROOTS"):
        plan_board(reading.board, no_network, roots=roots)
