"""Bad input of many kinds gives its exit status and a line with the place and the mend, and leaves no file behind."""

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from darkpy import Detector
from tests.cli import badfiles as bad
from tests.cli.badtable import DETECT, TABLE, Bad

PYTHON = [sys.executable, "-W", "error", "-m", "darkpy"]


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    bad.folder_of_good_files(folder)
    model = Detector(folder / "tiny.cfg", folder / "tiny.weights")
    assert len(list(model.detect(str(folder / "one.png"))))  # the kernels are compiled: nothing will be said of that
    return bad.everything(folder)


@pytest.fixture
def place(good, tmp_path, monkeypatch):
    bad.fill(tmp_path, good)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_is_long_enough():
    assert len(TABLE) >= 100 and len({row.name for _, row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("status", "row"), TABLE, ids=[row.name for _, row in TABLE])
def test_bad_input(darkpy, place, status, row):
    if row.make:
        row.make(place)
    before = bad.everything(place)
    assert darkpy(*row.argv.split(" ")) == (status, "", row.lines + "\n")
    assert bad.everything(place) == before


@pytest.mark.parametrize("name", ["five problems at once", "truncated weights", "a truncated GIF", "an unknown mode"])
def test_as_a_program(place, name):
    status, row = next((status, row) for status, row in TABLE if row.name == name)
    if row.make:
        row.make(place)
    done = subprocess.run([*PYTHON, *row.argv.split(" ")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", row.lines + "\n")


# -- what is harmless, though the original stumbles over it -----------------------------------------------------------

SHELL = "a;touch hacked;$(touch hacked)`touch hacked` 'x' \"y\" | touch hacked &.png"
HARMLESS = [
    Bad("CRLF", bad.changed("tiny.cfg", "tiny.cfg", lambda content: content.replace(b"\n", b"\r\n")), "one.png", ""),
    Bad("a byte-order mark", bad.changed("tiny.cfg", "tiny.cfg", lambda content: b"\xef\xbb\xbf" + content), "one.png",
        ""),
    Bad("a name full of shell", bad.changed(SHELL, "one.png", bytes), SHELL, ""),
    Bad("max=1", bad.changed("tiny.cfg", "tiny.cfg", lambda content: content + b"max=1\n"), "one.png", ""),
    Bad("an option given twice: the last counts", None, "one.png -thresh 1 -thresh .5", ""),
]


@pytest.mark.parametrize("row", HARMLESS, ids=[row.name for row in HARMLESS])
def test_harmless(darkpy, place, row):
    """`argv` holds what comes behind the net."""
    if row.make:
        row.make(place)
    before = set(bad.everything(place))
    argv = [row.argv] if row.argv == SHELL else row.argv.split(" ")
    done = darkpy(*DETECT.split(), *argv)
    assert done.status == 0 and done.out.splitlines()[1:] == ["class 1: 100%"] and not done.err
    assert set(bad.everything(place)) - before == {"predictions.jpg"}


def test_more_objects_than_max(darkpy, place):
    """`max` bounds the labels a net is trained on; what it finds is shown, however much it is."""
    (place / "tiny.cfg").write_text((place / "tiny.cfg").read_text() + "max=2\n")
    bad.picture(place / "many.png", 16)
    done = darkpy(*DETECT.split(), "many.png", "-nms", "0", "--no-image")
    assert done.status == 0 and done.out.splitlines()[1:] == ["class 0: 100%"] * 16


# -- one bad thing among many good ones -------------------------------------------------------------------------------


def test_a_truncated_jpeg_in_a_folder(darkpy, place):
    path = place / "photos" / "b.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    done = darkpy(*DETECT.split(), "photos", "-out", "res/")
    assert done.status == 4
    assert done.err == ("photos/b.jpg: the image is truncated: download or save it again\npictures are in res\n")
    assert [line.split(":")[0] for line in done.out.splitlines()[::2]] == ["photos/a.jpg", "photos/c.jpg"]
    assert sorted(os.listdir(place / "res")) == ["a.jpg", "c.jpg"]


def test_a_missing_file_among_paths_on_stdin(darkpy, place, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one.png\nnone.png\n\nphotos/a.jpg\n"))
    done = darkpy(*DETECT.split(), "--no-image")
    assert done.status == 4 and done.err == "none.png: no such file: check the path\n"
    assert [line.split(":")[0] for line in done.out.splitlines()[::2]] == ["one.png", "photos/a.jpg"]


def test_a_misspelt_key_of_a_data_file_is_told(darkpy, place):
    (place / "my.data").write_text("classes=2\nnmaes=my.names\n")
    done = darkpy("detector", "test", "my.data", *DETECT.split()[1:], "one.png", "--no-image")
    assert done.status == 0 and "class 1: 100%" in done.out
    assert done.err == "warning: my.data:2: nmaes=my.names: unknown key: did you mean names?\n"


# -- what the system refuses ------------------------------------------------------------------------------------------


@pytest.fixture
def nobody(good, monkeypatch):
    """A folder anybody may enter, as the current one, and a function after which the process has no privileges."""
    folder = Path(tempfile.mkdtemp(prefix="darkpy-test-"))
    folder.chmod(0o755)
    user = os.geteuid()
    try:
        bad.fill(folder, good)
        monkeypatch.chdir(folder)
        yield lambda: os.seteuid(65534) if user == 0 else None
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_no_permission(darkpy, nobody):
    assert darkpy(*DETECT.split(), "one.png", "--no-image").status == 0  # all that is needed is loaded
    for name in ("tiny.cfg", "tiny.weights", "one.png", "my.names"):
        Path(f"locked-{name}").write_bytes(Path(name).read_bytes())
        Path(f"locked-{name}").chmod(0)
    Path("photos").chmod(0o555)
    nobody()
    mend = "no permission to read it: ask its owner, or chmod it\n"
    for argv, status, line in (
        ("detect locked-tiny.cfg tiny.weights one.png", 3, f"locked-tiny.cfg: {mend}"),
        ("detect tiny.cfg locked-tiny.weights one.png", 3, f"locked-tiny.weights: {mend}"),
        (f"{DETECT} locked-one.png", 4, f"locked-one.png: {mend}"),
        (f"{DETECT} one.png --names locked-my.names", 4, f"locked-my.names: {mend}"),
        (f"{DETECT} one.png --json=photos/a.json", 4,
         "photos/a.json: cannot be written: permission denied: choose another place\n"),
    ):
        assert darkpy(*argv.split()) == (status, "", line)
    assert sorted(os.listdir("photos")) == ["a.jpg", "b.jpg", "c.jpg"]


OUTPUTS = [
    ("{detect} noise.png -out {disk}/a.png", 4, "{disk}/a.png: cannot be written: {reason}: choose another place"),
    ("{detect} noise.png -out {disk}/a.jpg", 4, "{disk}/a.jpg: cannot be written: {reason}: choose another place"),
    ("{detect} {images} --json={disk}/a.json", 4, "{disk}/a.json: cannot be written: {reason}: choose another place"),
    ("{detect} {images} --csv={disk}/a.csv", 4, "{disk}/a.csv: cannot be written: {reason}: choose another place"),
    ("average big.cfg {disk}/b.weights big.weights big.weights", 3,
     "{disk}/b.weights: cannot be written: {reason}: choose another place"),
]


def outputs_fail(darkpy, place, disk, reason):
    """Whatever is written to `disk` fails with one line, and nothing of it is left there."""
    before = bad.everything(disk)
    for argv, status, line in OUTPUTS:
        text = argv.format(detect=DETECT, disk=disk, images=" ".join(["noise.png"] * 40))
        done = darkpy(*text.split())
        assert (done.status, done.err) == (status, line.format(disk=disk, reason=reason) + "\n")
        assert bad.everything(disk) == before


def test_disk_full(darkpy, place):
    bad.large_files(place)
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: the test with a limit on the size of files stands in for it")
    try:
        (disk / "full").write_bytes(bytes(48 << 10))
        outputs_fail(darkpy, place, disk, "no space left on device")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_file_size_limit(darkpy, place):
    bad.large_files(place)
    (place / "disk").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, hard))
    try:
        outputs_fail(darkpy, place, place / "disk", "file too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_interrupted(place):
    """Ctrl-C: one word, status 130, and the list that was begun is not there."""
    before = bad.everything(place)
    program = subprocess.Popen([*PYTHON, *DETECT.split(), "--json=list.json", "--no-image"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    program.stdin.write("one.png\n")
    program.stdin.flush()
    assert program.stdout.readline().startswith("one.png: ")
    assert program.stdout.readline() == "class 1: 100%\n"
    time.sleep(0.2)  # until it waits for the next path
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    err = err.removeprefix("compiling kernels for this CPU: this happens once\n")  # where no test did before
    assert (program.returncode, out, err) == (130, "", "interrupted\n")
    assert bad.everything(place) == before
