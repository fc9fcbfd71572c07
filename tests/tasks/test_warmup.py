"""What is run to compile beforehand."""

import pytest

from darkpy import jit
from darkpy.errors import CfgError
from darkpy.plan.variants import variants
from darkpy.tasks import warmup
from tests.shared import ROOT


def test_the_networks_run():
    done = list(warmup.everything([]))
    assert [warm.name for warm in done] == list(warmup.NETS)
    assert all(warm.kernels >= 0 and warm.seconds > 0 for warm in done)


def test_a_step_for_each_group_of_kernels():
    total, _ = warmup.warm_up([])
    assert total == len({group for group, _, _ in variants()}) + len(warmup.NETS)


def test_groups_call_what_they_name():
    called = []
    steps = warmup.everything([("a", [("a", called.append, (1,)), ("a", called.append, (2,))])])
    assert next(steps).name == "a" and called == [1, 2]


def test_cfgs_in_place_of_all_that(tmp_path):
    path = ROOT / "cfg" / "cifar.test.cfg"
    total, steps = warmup.warm_up([str(path)])
    assert total == 1 and [warm.name for warm in steps] == [str(path)]
    before = jit.watch.count
    list(warmup.warm_up([str(path)])[1])
    assert jit.watch.count == before  # the second time nothing is left
    (tmp_path / "bad.cfg").write_text("[net]\n")
    with pytest.raises(CfgError):
        list(warmup.warm_up([str(tmp_path / "bad.cfg")])[1])
