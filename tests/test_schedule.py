"""Learning-rate policies that the recordings do not hold, and their edges."""

import numpy as np
import pytest

from darkpy.errors import CfgError
from darkpy.schedule import rate
from tests.golden.harness import network


def config(**options):
    text = "[net]\nwidth=4\nheight=4\nchannels=1\nlearning_rate=1\n" + "".join(f"{k}={v}\n" for k, v in options.items())
    return network(text + "[avgpool]\n").config


def test_random_is_between_nothing_and_the_rate():
    c = config(policy="random", power=2)
    random = np.random.default_rng(0)
    rates = [rate(c, 5, random) for _ in range(500)]
    assert 0 <= min(rates) < 0.01 and 0.9 < max(rates) < 1
    assert np.mean(rates) == pytest.approx(1 / 3, abs=0.05)  # of the square of a uniform number


def test_warm_restarts():
    c = config(policy="sgdr", sgdr_cycle=10, sgdr_mult=2, learning_rate_min=0.2, max_batches=100)
    assert rate(c, 0) == pytest.approx(1)
    assert rate(c, 5) == pytest.approx(0.6)
    assert rate(c, 10) == pytest.approx(0.2)
    assert rate(c, 20) == pytest.approx(0.6)  # the middle of the second cycle, 10 to 30
    assert rate(c, 30) == pytest.approx(0.2)
    c.sgdr_mult = 1
    assert rate(c, 10**15 + 5) == pytest.approx(0.6)


def test_poly_past_its_end_is_no_complex_number():
    assert rate(config(policy="poly", power=0.5, max_batches=10), 20) == 0


def test_huge_numbers_do_not_raise():
    assert rate(config(policy="exp", gamma=2), 10**6) == np.inf
    assert rate(config(policy="sigmoid", gamma=1, step=1), 10**9) == 0


@pytest.mark.parametrize(("options", "message"), [
    ({"policy": "poly"}, "policy=poly needs max_batches="),
    ({"policy": "sgdr"}, "policy=sgdr needs max_batches="),
    ({"policy": "step", "step": 0}, "step=0 must be at least 1"),
])
def test_what_cannot_be_computed_is_refused(options, message):
    with pytest.raises(CfgError, match=message):
        config(**options)


@pytest.mark.parametrize(("options", "expected"), [
    ({}, {0: 1, 10**6: 1}),
    ({"policy": "step", "step": 10, "scale": 0.5}, {9: 1, 10: 0.5, 25: 0.25}),
    ({"policy": "steps", "steps": "10,20", "scales": ".1,.5"}, {9: 1, 10: 0.1, 19: 0.1, 20: 0.05, 999: 0.05}),
    ({"policy": "exp", "gamma": 0.9}, {0: 1, 3: 0.729}),
    ({"policy": "poly", "power": 2, "max_batches": 100}, {0: 1, 25: 0.5625, 100: 0}),
    ({"policy": "sigmoid", "gamma": 0.1, "step": 30}, {20: 0, 30: 0.5, 40: 0.268941}),  # 1 / (1 + e)
    ({"policy": "sigmoid", "gamma": -0.1, "step": 30}, {20: 1, 30: 0.5, 40: 0.731059}),
    ({"burn_in": 10}, {0: 0, 5: 0.0625, 9: 0.6561, 10: 1}),  # the fourth power
    ({"burn_in": 10, "power": 1, "policy": "steps", "steps": "4,12", "scales": ".5,.5"}, {5: 0.5, 10: 0.5, 12: 0.25}),
    ({"burn_in": 4, "power": 1, "policy": "poly", "max_batches": 10}, {2: 0.5, 4: 0.6}),  # power= serves both
])
def test_by_hand(options, expected):
    c = config(**options)
    assert {batch: rate(c, batch) for batch in expected} == pytest.approx(expected, abs=1e-6)
