"""Random tests draw the same examples every time; `HYPOTHESIS_PROFILE=search make test` draws new ones, and more.

Keras has one backend a process, which is set before it is imported: PyTorch, unless `make test-keras` says another.
"""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=120)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    """pyplot keeps every figure until it is closed, and warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
