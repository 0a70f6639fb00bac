"""No test here may reach for the network."""

import os

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(params=["host", "device"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in which a PlanScheduler writes."""
    return request.param
