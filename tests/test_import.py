"""What `import darkpy` costs: nothing that computes is loaded before it is used."""

import subprocess
import sys

HEAVY = ("numba", "llvmlite", "cv2", "matplotlib", "PIL", "rich")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def test_import_loads_nothing_heavy():
    assert python(f"import darkpy, sys; print(*[m for m in {HEAVY} if m in sys.modules])") == "\n"


def test_detector_draws_no_plots():
    """What detects images loads Numba, but not what only training, plots and tables need."""
    assert python("import darkpy, sys; darkpy.Detector; darkpy.Classifier; "
                  "print(*[m for m in ('matplotlib', 'rich') if m in sys.modules])") == "\n"


def test_time_beyond_numpy_and_opencv():
    """Half a second is promised, for all that detection needs; a busy machine gets four times as much."""
    code = ("import time, numpy, cv2; start = time.perf_counter(); import darkpy; darkpy.Detector; darkpy.Classifier; "
            "print(time.perf_counter() - start)")
    assert min(float(python(code)) for _ in range(3)) < 2
