"""Films and cameras, frame by frame: read as uint8 (H, W, 3) RGB, and written.

OpenCV does both.  A writer of its that cannot write only leaves an empty file, and its decoder prints its troubles
itself; here both are errors of one line, and a film appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from darkpy.errors import DataError
from darkpy.vision.textfile import os_problem, show

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "MJPG", ".mov": "mp4v"}
USUAL_FPS = 25.0  # of a film or camera that does not say


class Film:
    """A film by its path, or a camera by its number.  Iterating gives the frames; close it, or use it in a `with`.

    Raises DataError for what is neither.
    """

    def __init__(self, source: str | int):
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # nothing
        import cv2

        self.name = f"camera {source}" if isinstance(source, int) else source
        if isinstance(source, str) and "://" not in source:
            try:
                with open(source, "rb"):
                    pass
            except OSError as e:
                raise os_problem(source, e, "a film") from None
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self.capture = cv2.VideoCapture(source)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self.capture.isOpened():
            raise DataError(f"{show(self.name)}: cannot be opened: " + (
                "is it connected, and may you use it?" if isinstance(source, int) else "is it a film?"))
        fps = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if 0 < fps < 1000 else USUAL_FPS
        frames = self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.frames = int(frames) if 0 < frames < 1 << 40 else None  # as the file says; None: not known

    def ask(self, width: int, height: int, fps: float) -> None:
        """Ask a camera for a size and speed (0: any); it may give others."""
        import cv2

        for key, value in ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height),
                           (cv2.CAP_PROP_FPS, fps)):
            if value:
                self.capture.set(key, value)

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            there, bgr = self.capture.read()
            if not there:
                return
            yield np.ascontiguousarray(bgr[..., ::-1])

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.capture.release()


class Writer:
    """Writes a film; it takes its name when the `with` ends without an error, or by Ctrl-C.

    The size is that of the first frame.  Raises DataError for an ending that is not known, and where the film cannot be
    written.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float):
        self.path, self.fps = Path(path), fps
        if self.path.suffix.lower() not in CODECS:
            raise DataError(f"{show(path)}: films are written as {', '.join(CODECS)}: choose one of these endings")
        if not self.path.parent.is_dir():
            raise DataError(f"{show(path)}: its folder does not exist: make it first")
        self.temporary = self.path.parent / f".darkpy-{secrets.token_hex(8)}{self.path.suffix}"
        self.writer: object = None
        self.size = (0, 0)

    def add(self, rgb: np.ndarray) -> None:
        """One more frame, uint8 (H, W, 3)."""
        import cv2

        height, width = rgb.shape[:2]
        if self.writer is None:
            code = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self.size = width, height
            self.writer = cv2.VideoWriter(str(self.temporary), code, self.fps, self.size)
            if not self.writer.isOpened():
                raise DataError(f"{show(self.path)}: cannot be written as {width}x{height} pixels: try .avi")
        if (width, height) != self.size:
            raise DataError(f"{show(self.path)}: a frame of {width}x{height} pixels does not belong into a film of "
                            f"{self.size[0]}x{self.size[1]}")
        self.writer.write(np.ascontiguousarray(rgb[..., ::-1]))  # type: ignore[attr-defined]

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.writer is not None:
            self.writer.release()  # type: ignore[attr-defined]
        try:
            if self.writer is not None and kind in (None, KeyboardInterrupt):
                if not (self.temporary.exists() and self.temporary.stat().st_size):
                    raise DataError(f"{show(self.path)}: nothing could be written: is there room, and may you write?")
                os.replace(self.temporary, self.path)
        finally:
            with contextlib.suppress(OSError):
                self.temporary.unlink()
