"""The two options of the benchmarks, and the backend of Keras, which is set before it is imported: PyTorch, unless one is named."""

import os
import re

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="small sizes and 3 rounds: does everything run? The figures mean little.")
    parser.addoption("--only", metavar="REGEX", help="the cases whose section and name it is found in")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = config.getoption("--only")
    if only is not None:
        items[:] = [item for item in items if re.search(only, str(item.callspec.params["case"]))]
