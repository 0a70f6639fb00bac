"""One backend a process: `make test-keras` runs this directory once for each, KERAS_BACKEND says which."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest


@pytest.fixture(autouse=True)
def _same_start():
    keras.utils.set_random_seed(0)


def pytest_configure(config):
    """Keras itself reads its variables in a way that NumPy 2 has deprecated."""
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
