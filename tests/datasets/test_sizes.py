"""Multi-scale training: the original's sizes, and their like for other nets."""

from darkpy.datasets.sizes import Sizes


def drawn(sizes, batches=2000):
    return sorted({sizes(b) for b in range(0, batches, 10)})


def test_fixed():
    assert {Sizes((416, 320))(b) for b in range(100)} == {(416, 320)}


def test_the_originals_range_for_its_sizes():
    for side in (320, 416, 608):
        assert drawn(Sizes((side, side), True)) == [(s, s) for s in range(320, 609, 32)]


def test_every_ten_batches_and_the_last_two_hundred():
    sizes = Sizes((416, 416), True, max_batches=4000, seed=3)
    runs = [{sizes(b) for b in range(s, s + 10)} for s in range(0, 3800, 10)]
    assert all(len(run) == 1 for run in runs)
    assert len(set().union(*runs)) == 10
    assert {sizes(b) for b in range(3800, 4000)} == {(608, 608)}
    assert sizes(3799) == sizes(3790)
    short = Sizes((416, 416), True, max_batches=300)
    assert {short(b) for b in range(270, 300)} == {(608, 608)}
    assert len({short(b) for b in range(0, 270, 10)}) > 5


def test_a_seed_gives_the_same_sizes_again():
    one, two, other = (Sizes((416, 416), True, seed=s) for s in (1, 1, 2))
    assert [one(b) for b in range(0, 500, 10)] == [two(b) for b in range(0, 500, 10)]
    assert [one(b) for b in range(0, 500, 10)] != [other(b) for b in range(0, 500, 10)]


def test_small_and_oblong_nets():
    small = drawn(Sizes((160, 160), True))
    assert small[0] == (128, 128) and small[-1] == (224, 224)
    assert Sizes((160, 160), True).largest == (224, 224)
    oblong = drawn(Sizes((320, 416), True))
    assert oblong[0] == (256, 320) and oblong[-1] == (480, 608)
    assert drawn(Sizes((16, 16), True)) == [(32, 32)]


def test_classifiers():
    assert drawn(Sizes((256, 256), True, classifier=True), 4000) == [(s, s) for s in range(128, 449, 32)]
    sizes = Sizes((224, 224), True, classifier=True, max_batches=100)
    assert all(len({sizes(b) for b in range(s, s + 40)}) == 1 for s in range(0, 400, 40))
