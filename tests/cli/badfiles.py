"""Files as they should not be, and a folder to put them in: `folder_of_good_files` holds a net, photos and lists."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import darkpy
from tests import nets

Make = Callable[[Path], None]

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\n"
YOLO = "[yolo]\nmask=0,1\nanchors=4,8, 16,8, 9,9\nnum=3\nclasses=2\n"
HEAD = "[convolutional]\nfilters=14\nactivation=linear\n"  # what YOLO reads
REGION = ("[convolutional]\nfilters=8\nactivation=linear\n"
          "[region]\nanchors=1,1\nclasses=3\nsoftmax=1\ntree=bad.tree\n")


def folder_of_good_files(folder: Path) -> None:
    """tiny.cfg, tiny.weights, my.names, my.data, one.png and photos/ with three JPEGs."""
    nets.detector_files(folder)
    (folder / "my.names").write_text("lime\nviolet\n")
    (folder / "my.data").write_text("classes=2\nnames=my.names\n")
    Image.fromarray(nets.scene((1, 2), 1)).save(folder / "one.png")
    (folder / "photos").mkdir()
    for i, name in enumerate("abc"):
        Image.fromarray(nets.scene((1, i), i % 2)).save(folder / "photos" / f"{name}.jpg", quality=95)


def everything(folder: Path) -> dict[str, bytes | None]:
    """All that lies in a folder, with the content of the files."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def fill(folder: Path, files: dict[str, bytes | None]) -> None:
    """Put everything back into an empty folder."""
    for name, content in files.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)


# -- makers: each gives a function that puts one bad thing into the folder ------------------------------------------


def text(name: str, content: str) -> Make:
    return raw(name, content.encode())


def raw(name: str, content: bytes) -> Make:
    return lambda folder: (folder / name).write_bytes(content)  # type: ignore[return-value]


def cfg(content: str) -> Make:
    """bad.cfg with a usual [net] in front (its four lines come first)."""
    return text("bad.cfg", NET + content)


def directory(name: str) -> Make:
    return lambda folder: (folder / name).mkdir()


def both(*makers: Make) -> Make:
    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)

    return make


def changed(name: str, source: str, change: Callable[[bytes], bytes]) -> Make:
    """`name` with what `change` makes of a good file's content."""
    return lambda folder: (folder / name).write_bytes(change((folder / source).read_bytes()))  # type: ignore[return-value]


def cut(name: str, source: str, keep: int) -> Make:
    """Only the first bytes of a good file."""
    return changed(name, source, lambda content: content[:keep])


# -- contents -------------------------------------------------------------------------------------------------------


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inside", content)
    return out.getvalue()


def with_nan(weights: bytes) -> bytes:
    numbers = np.frombuffer(weights[20:], np.float32).copy()
    numbers[3] = np.nan
    return weights[:20] + numbers.tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing of it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def encoded(kind: str, side: int = 64) -> bytes:
    """A noisy picture as GIF, WEBP, JPEG ..."""
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8)).save(out, kind)
    return out.getvalue()


HTML = b"<!DOCTYPE html>\n<html><body>404: no such file</body></html>\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 248007048\n"


# -- large things ---------------------------------------------------------------------------------------------------


def picture(path: Path, objects: int) -> None:
    """A picture of 4x4 cells with so many objects of class 0 for the tiny net."""
    image = np.zeros((32, 32, 3), np.uint8)
    for i in range(objects):
        image = np.maximum(image, nets.scene((i // 4, i % 4), 0))
    Image.fromarray(image).save(path)


def large_files(folder: Path) -> None:
    """noise.png: 16 objects that no picture format makes small; big.cfg and big.weights: 200 kB of numbers."""
    picture(folder / "noise.png", 16)
    yellow = np.asarray(Image.open(folder / "noise.png").resize((256, 256)))
    noise = np.random.default_rng(0).integers(0, 50, yellow.shape, np.uint8)
    Image.fromarray(np.maximum(yellow - np.minimum(yellow, noise), noise)).save(folder / "noise.png")
    (folder / "big.cfg").write_text(NET + "[connected]\noutput=16\n")
    darkpy.load(str(folder / "big.cfg")).save(str(folder / "big.weights"))
