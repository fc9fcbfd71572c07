"""The loader: the same bytes whatever the threads, exact continuation, bad images put aside, clean ends."""

import threading

import numpy as np
import pytest

from darkpy.datasets.augment import Colours
from darkpy.datasets.detection import BoxTruth, DetectionSet
from darkpy.datasets.loader import GIVE_UP, Loader, Quarantine
from darkpy.datasets.paths import ImageList, read_list
from darkpy.errors import DataError
from tests.datasets.scenes import detection


def samples(folder, count=7):
    detection(folder, count)
    return DetectionSet(read_list(folder / "train.txt"), 3, BoxTruth(4), 0.2, Colours(0.1, 1.5, 1.5))


def loader(data, **options):
    options.setdefault("size", lambda position: (24, 32))
    options.setdefault("batch", 3)
    return Loader(data, 3, **options)


def take(loader, count):
    return [(b.position, b.paths, b.x.tobytes(), b.truth.tobytes()) for _, b in zip(range(count), loader, strict=False)]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_threads_change_nothing(tmp_path):
    data = samples(tmp_path)
    runs = []
    for workers in (1, 2, 5):
        with loader(data, workers=workers, seed=4) as found:
            runs.append(take(found, 8))
    assert runs[0] == runs[1] == runs[2]
    with loader(data, seed=5) as found:
        assert take(found, 8) != runs[0]


def test_each_epoch_is_complete_and_in_its_own_order(tmp_path):
    data = samples(tmp_path)
    with loader(data, batch=7) as found:
        first, second = (next(found).paths for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(data.images.images)
    assert first != second


def test_going_on_from_a_cursor(tmp_path):
    data = samples(tmp_path)
    sizes = {"size": lambda position: (24, 32) if position % 2 else (16, 16)}
    with loader(data, **sizes) as found:
        whole = take(found, 9)
    with loader(data, **sizes) as found:
        head = take(found, 4)
        state = found.state()
    assert state["position"] == 12
    with loader(data, start=state["position"], **sizes) as found:
        found.check_state(state)
        assert found.epoch == pytest.approx(12 / 7)
        assert head + take(found, 5) == whole


def test_a_state_of_something_else(tmp_path):
    data = samples(tmp_path)
    with loader(data) as found:
        state = found.state()
    with loader(data, seed=1) as found, pytest.raises(DataError, match="began with seed 0, not 1"):
        found.check_state(state)
    with loader(samples(tmp_path, 6)) as found, pytest.raises(DataError, match="is not the list this training began"):
        found.check_state(state)


def test_an_end(tmp_path):
    data = samples(tmp_path)
    with loader(data, end=7, shuffle=False) as found:
        batches = list(found)
    assert [len(b.x) for b in batches] == [3, 3, 1]
    assert [path for b in batches for path in b.paths] == data.images.images
    assert list(found) == []


def test_bad_images_are_replaced_and_reported_once(tmp_path):
    data = samples(tmp_path)
    (tmp_path / "images" / "2.png").write_bytes(b"no image")
    (tmp_path / "labels" / "5.txt").write_text("7 .5 .5 .1 .1\n")
    runs = []
    for workers in (1, 4):
        with loader(data, workers=workers) as found:
            runs.append(take(found, 10))
            assert set(found.quarantine.found) == {data.images.images[2], data.images.images[5]}
            report = found.quarantine.report()
    assert runs[0] == runs[1]
    shown = [path for _, paths, _, _ in runs[0] for path in paths]
    assert len(shown) == 30 and set(shown) == {data.images.images[k] for k in (0, 1, 3, 4, 6)}
    assert report[0] == "2 images were left out of training:" and len(report) == 3
    assert any("5.txt:1: class 7 is not among 0 to 2" in line for line in report)


def test_all_is_well(tmp_path):
    with loader(samples(tmp_path)) as found:
        take(found, 3)
        assert found.quarantine.report() == []


def test_a_long_report_is_cut():
    report = Quarantine({str(k): f"{k}: bad" for k in range(25)}).report()
    assert len(report) == 22 and report[-1] == "  and 5 more"


def test_nothing_can_be_read(tmp_path):
    data = samples(tmp_path)
    for k in range(7):
        (tmp_path / "images" / f"{k}.png").write_bytes(b"")
    with loader(data) as found, pytest.raises(DataError, match=r"train\.txt: of 7 images in a row none can be used"):
        next(found)


def test_no_endless_search(tmp_path):
    (tmp_path / "x.txt").write_text("0\n")
    images = ImageList("x.txt", [f"{tmp_path}/gone{k}.png" for k in range(5 * GIVE_UP)], list(range(5 * GIVE_UP)))
    data = DetectionSet(images, 3, BoxTruth(4))
    with loader(data, batch=1, workers=1) as found, pytest.raises(DataError, match=f"of {GIVE_UP} images in a row"):
        next(found)


class Slow:
    """Samples that wait until they are let go."""

    numbers = 1

    def __init__(self):
        self.images = ImageList("slow.txt", ["a"], [1])
        self.go = threading.Event()
        self.begun = 0

    def load(self, i, random, x, truth):
        self.begun += 1
        assert self.go.wait(10)
        x[...], truth[...] = 0, self.begun


def test_an_interrupt_ends_cleanly_and_loses_nothing():
    slow = Slow()
    slow.go.set()
    with pytest.raises(KeyboardInterrupt), loader(slow, workers=1) as found:
        next(found)
        raise KeyboardInterrupt
    assert slow.begun <= 9  # the batch given and the two ahead

    class Interrupted:
        def result(self):
            raise KeyboardInterrupt

    with loader(slow) as found:
        found._submit()
        batch, futures = found.waiting[0]
        found.waiting[0] = (batch, [Interrupted()])
        with pytest.raises(KeyboardInterrupt):
            next(found)
        found.waiting[0] = (batch, futures)
        assert next(found).position == 0 and found.cursor == 3


def test_a_bug_is_not_hidden():
    class Broken(Slow):
        def load(self, i, random, x, truth):
            raise ZeroDivisionError

    with loader(Broken()) as found, pytest.raises(ZeroDivisionError):
        next(found)


def test_no_more_than_asked_for_is_loaded_ahead():
    slow = Slow()
    slow.go.set()
    with loader(slow, workers=2, ahead=3, batch=2) as found:
        next(found)
        assert len(found.waiting) == 3 and found.next_position == 8
    assert slow.begun <= 8


def test_arguments():
    with pytest.raises(ValueError, match="at least 1"):
        loader(Slow(), batch=0)


def test_sample_numbers_are_the_positions(tmp_path):
    """Sample p of any loader with this seed is what its own generator makes of its image."""
    data = samples(tmp_path)
    with loader(data, seed=11, batch=2) as found:
        batches = [next(found) for _ in range(5)]
        x, truth = np.empty((3, 24, 32), np.float32), np.empty(20, np.float32)
        for p in range(10):
            data.load(found.index(p), np.random.default_rng((11, 2, p)), x, truth)
            assert np.array_equal(batches[p // 2].x[p % 2], x) and np.array_equal(batches[p // 2].truth[p % 2], truth)
