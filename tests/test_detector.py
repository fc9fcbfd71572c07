"""darkpy.Detector: sources of every kind, boxes in the right place, names, errors."""

import json
import threading

import numpy as np
import pytest
from PIL import Image

import darkpy
from darkpy.vision.decode import write_image
from tests import nets


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return nets.detector_files(tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def model(files):
    return darkpy.Detector(*files, names=["green", "blue"])


def only(results):
    (result,) = results
    return result


def test_finds_the_object_where_it_is(model):
    result = only(model.detect(nets.scene((1, 2), 1)))
    # cell (row 1, column 2): centre at its middle, size of the anchor
    np.testing.assert_allclose(result.boxes.xywhn, [[2.5 / 4, 1.5 / 4, 16 / 32, 8 / 32]], rtol=1e-5)
    np.testing.assert_allclose(result.boxes.xyxy, [[12, 8, 28, 16]], rtol=1e-5)
    np.testing.assert_allclose(result.boxes.xywh, [[20, 12, 16, 8]], rtol=1e-5)
    assert result.boxes.xyxy.dtype == np.float32
    assert result.boxes.class_id.tolist() == [1] and len(result) == 1
    assert result.boxes.confidence[0] == pytest.approx(1, abs=1e-3)
    assert result.names == ["green", "blue"] and result.path is None
    assert set(result.speed) == {"preprocess", "inference", "postprocess"}


def test_letterbox_is_undone(model):
    """In an image twice as wide as high the net sees grey above and below; boxes come back in the image's pixels."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[33:47, 65:95] = (255, 255, 0)
    (box,) = only(model.detect(image)).boxes.xyxy
    # the image fills rows 8..24 of 32, a quarter as large: the object lies in cell (2, 2), centre 20, 20, size 16 x 8
    np.testing.assert_allclose(box, [(20 - 8) * 4, (20 - 4 - 8) * 4, (20 + 8) * 4, (20 + 4 - 8) * 4], rtol=1e-5)
    (box,) = only(model.detect(image, letterbox=False)).boxes.xyxy
    np.testing.assert_allclose(box, [12 * 4, 16 * 2, 28 * 4, 24 * 2], rtol=1e-5)


def test_sources_of_every_kind_agree(model, tmp_path):
    image = nets.scene((3, 0))
    path = tmp_path / "scene.png"
    write_image(path, image)
    planar = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / 255
    sources = [str(path), path, path.read_bytes(), image, planar, planar.transpose(1, 2, 0), Image.fromarray(image),
               np.dstack([image, np.full((32, 32), 9, np.uint8)])]
    results = list(model.detect(sources, batch=3))
    assert len(results) == len(sources)
    for result in results:
        np.testing.assert_array_equal(result.boxes.xyxy, results[0].boxes.xyxy)
        np.testing.assert_array_equal(result.image, image)
    assert results[0].path == results[1].path == str(path)
    assert len(only(model.detect(path)).boxes) == 1
    assert len(list(model.detect(np.stack([image, image])))) == 2


def test_order_and_batches(model):
    cells = [(i % 4, i // 4) for i in range(11)]
    for batch in (1, 2, 4, 16):
        results = list(model.detect((nets.scene(c) for c in cells), batch=batch))
        places = [(int(b.xywhn[0, 1] * 4), int(b.xywhn[0, 0] * 4)) for b in (r.boxes for r in results)]
        assert places == cells


def test_a_generator_is_not_read_ahead_of_a_single_image(model):
    asked = []

    def camera():
        for i in range(3):
            asked.append(i)
            yield nets.scene()

    results = model.detect(camera(), batch=1)
    next(results)
    assert asked == [0]
    assert len(list(results)) == 2


def test_stopping_early_leaves_no_thread(model):
    before = threading.active_count()
    results = model.detect([nets.scene()] * 50, batch=2)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_thresholds(model):
    image = nets.scene()
    assert len(only(model.detect(image, thresh=1))) == 0
    everything = only(model.detect(image, thresh=0, nms=0))
    assert len(everything) > 1
    assert (np.diff(everything.boxes.confidence) <= 0).all()
    for wrong in ({"thresh": 1.5}, {"nms": -1}, {"hier": 2}, {"batch": 0}):
        with pytest.raises(darkpy.UsageError):
            list(model.detect(image, **wrong))


def test_suppression_keeps_the_better_of_two(model):
    image = nets.scene((1, 1))
    image[8:16, 16:24] = (220, 255, 0)  # the neighbour: boxes of 16x8 pixels, 8 apart, overlap by a third
    assert len(only(model.detect(image, nms=0.45))) == 2
    kept = only(model.detect(image, nms=0.3)).boxes
    assert len(kept) == 1 and kept.xywhn[0, 0] == pytest.approx(1.5 / 4)


def test_a_bad_image_among_good_ones(model, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    sources = [nets.scene(), str(bad), nets.scene()]
    for batch in (1, 2, 8):
        seen = {}
        results = list(model.detect(sources, batch=batch, on_error=seen.__setitem__))
        assert len(results) == 2
        assert list(seen) == [str(bad)] and isinstance(seen[str(bad)], darkpy.DataError)
        results = model.detect(sources, batch=batch)
        assert len(next(results)) == 1  # what came before is still given
        with pytest.raises(darkpy.DataError, match=r"bad\.jpg"):
            next(results)


@pytest.mark.parametrize("wrong, words", [
    (np.zeros((4, 4, 2), np.uint8), "shape"),
    (np.zeros((0, 4, 3), np.uint8), "no pixels"),
    (np.zeros((4, 4, 3), np.int32), "int32"),
    (np.full((3, 4, 4), 255.0), "between 0 and 1"),
    (np.full((3, 4, 4), np.nan), "between 0 and 1"),
    (np.zeros((5, 4, 4)), "shape"),
    (7, "no image"),
])
def test_what_is_no_image(model, wrong, words):
    with pytest.raises(darkpy.UsageError, match=words):
        list(model.detect([wrong]))


def test_missing_file(model):
    with pytest.raises(darkpy.DataError, match=r"^nowhere\.jpg: no such file: check the path$"):
        list(model.detect("nowhere.jpg"))


def test_result_as_json_and_picture(model, tmp_path):
    path = tmp_path / "scene.png"
    write_image(path, nets.scene((0, 0)))
    result = only(model.detect(path))
    text = result.to_json()
    assert "\n" not in text and json.loads(text) == result.to_dict()
    (thing,) = result.to_dict()["objects"]
    assert thing["name"] == "green" and thing["class_id"] == 0
    assert thing["relative_coordinates"] == {"center_x": 0.125, "center_y": 0.125, "width": 0.5, "height": 0.25}
    assert thing["xyxy"] == [-4, 0, 12, 8]
    plot = result.plot()
    assert plot.shape == (32, 32, 3) and plot.dtype == np.uint8 and (plot != result.image).any()
    np.testing.assert_array_equal(result.image, nets.scene((0, 0)))
    result.save(tmp_path / "out.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), plot)
    with pytest.raises(darkpy.DataError):
        result.save(tmp_path / "out.xyz")


def test_names(files, tmp_path):
    cfg, weights = files
    assert darkpy.Detector(cfg, weights).names == ["class 0", "class 1"]
    names = tmp_path / "my.names"
    names.write_text("a\nb\n")
    assert darkpy.Detector(cfg, weights, names).names == ["a", "b"]
    data = tmp_path / "my.data"
    data.write_text("classes=2\nnames=my.names\n")  # found beside the .data file
    assert darkpy.Detector(cfg, weights, data).names == ["a", "b"]
    names.write_text("a\n")
    with pytest.raises(darkpy.DataError, match=r"my\.names: 1 name, but the net has 2 classes"):
        darkpy.Detector(cfg, weights, data)
    with pytest.raises(darkpy.DataError, match="names: 1 name,"):
        darkpy.Detector(cfg, weights, ["a"])
    data.write_text("classes=2\nnames=missing.names\n")
    with pytest.raises(darkpy.DataError, match=r"my\.data:2: names=missing\.names"):
        darkpy.Detector(cfg, weights, data)


def test_names_beside_the_cfg(tmp_path):
    cfg, weights = nets.detector_files(tmp_path)
    (tmp_path / "tiny.names").write_text("x\ny\nz\n")
    assert darkpy.Detector(cfg, weights).names == ["x", "y"]


def test_names_of_a_known_data_set(tmp_path):
    cfg = tmp_path / "a.cfg"
    cfg.write_text(nets.DETECTOR.replace("classes=2", "classes=20").replace("filters=7", "filters=25"))
    (tmp_path / "voc.names").write_text("\n".join(f"thing{i}" for i in range(20)))
    assert darkpy.Detector(cfg).names[3] == "thing3"


def test_size(files):
    wide = darkpy.Detector(*files, size=(32, 64))
    assert wide.input_shape == (3, 32, 64)
    image = np.zeros((32, 64, 3), np.uint8)
    image[8:16, 40:48] = (255, 255, 0)
    (box,) = only(wide.detect(image)).boxes.xyxy
    np.testing.assert_allclose(box, [36, 8, 52, 16], rtol=1e-5)


def test_nets_that_are_no_detectors(tmp_path):
    with pytest.raises(darkpy.ModelError, match="darkpy classify"):
        darkpy.Detector(*nets.classifier_files(tmp_path))
    rows = tmp_path / "rows.cfg"
    rows.write_text("[net]\ninputs=5\n[connected]\noutput=21\n[detection]\nside=1\nnum=3\ncoords=4\nclasses=6\n")
    with pytest.raises(darkpy.ModelError, match="not an image"):
        darkpy.Detector(rows)
    odd = tmp_path / "odd.cfg"
    odd.write_text(nets.DETECTOR.replace("channels=3", "channels=2"))
    with pytest.raises(darkpy.ModelError, match="channels=2"):
        darkpy.Detector(odd)


def test_partial_weights(files, tmp_path):
    cfg, weights = files
    short = tmp_path / "short.weights"
    with open(weights, "rb") as f:
        short.write_bytes(f.read()[:-8])
    with pytest.raises(darkpy.WeightsError):
        darkpy.Detector(cfg, short)
    assert darkpy.Detector(cfg, short, partial=True).names == ["class 0", "class 1"]


def test_grey_net(tmp_path):
    cfg = tmp_path / "grey.cfg"
    cfg.write_text(nets.DETECTOR.replace("channels=3", "channels=1"))
    model = darkpy.Detector(cfg)
    grey = np.zeros((16, 16), np.uint8)
    for source in (grey, grey[:, :, None], grey.astype(np.float32), Image.fromarray(grey)):
        assert only(model.detect(source)).image.shape == (16, 16, 3)


def test_boxes_without_end_are_left_out(files):
    model = darkpy.Detector(*files)
    model.net.params(1)["biases"][2] = 1e4  # exp overflows
    assert len(only(model.detect(nets.scene()))) == 0


def test_yolo_v1_stretches_and_has_its_own_thresholds(tmp_path):
    cfg = tmp_path / "v1.cfg"
    cfg.write_text("[net]\nwidth=4\nheight=4\nchannels=3\n[connected]\noutput=28\nactivation=linear\n"
                   "[detection]\nside=2\nnum=1\ncoords=4\nclasses=2\nsqrt=1\n")
    model = darkpy.Detector(cfg)
    p = model.net.params(0)
    p["weights"][...] = 0
    out = np.zeros(28, np.float32)
    out[1 * 2 + 1] = 1  # cell 1 (row 0, column 1): class 1
    out[8 + 1] = 0.3  # its confidence
    out[12 + 4 : 12 + 8] = 0.5, 0.5, 0.5, 0.7  # x, y within the cell, roots of w, h
    p["biases"][...] = out
    result = only(model.detect(np.zeros((10, 40, 3), np.uint8)))
    assert result.boxes.class_id.tolist() == [1]
    np.testing.assert_allclose(result.boxes.xywhn, [[0.75, 0.25, 0.25, 0.49]], rtol=1e-5)
    assert len(only(model.detect(np.zeros((10, 40, 3), np.uint8), thresh=0.5))) == 0


def test_import_is_light():
    import subprocess
    import sys

    code = "import sys, darkpy; print([m for m in ('numpy', 'numba', 'cv2', 'PIL', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_public_names():
    for name in darkpy.__all__:
        assert getattr(darkpy, name) is not None
    assert set(darkpy.__all__) <= set(dir(darkpy))
    with pytest.raises(AttributeError):
        darkpy.nothing  # noqa: B018
