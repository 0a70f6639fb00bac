"""The commands that run for a while: the range test, and the studio's server."""

import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

import lrcore as lr
from terminal import COMMAND, environment, lrcore

TEXT = "warmup_cosine(3e-4, warmup=2000, steps=100_000)"


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_find_suggests_rates(backend, tmp_path):
    options = ["--backend", backend, "--steps", "40", "--repeats", "2", "--hidden", "16", "--start", "1e-5"]
    got = lrcore("find", *options, "-o", "test.png", cwd=tmp_path, MPLBACKEND="agg")
    assert got.returncode == 0 and (tmp_path / "test.png").read_bytes().startswith(b"\x89PNG")
    rates = dict(re.findall(r"^(\w+) +([\d.e-]+)  +within", got.stdout, re.MULTILINE))
    assert {"steepest", "valley"} <= set(rates) and all(1e-5 < float(rate) < 10 for rate in rates.values())


def test_find_gives_a_range_test_as_json_which_is_the_same_every_time():
    options = ["--steps", "10", "--repeats", "2", "--hidden", "8", "--json"]
    one, two = (lrcore("find", *options).stdout for _ in range(2))
    assert one == two and len(lr.RangeTest.from_json(one).runs) == 2


def free_port():
    with socket.socket() as held:
        held.bind(("localhost", 0))
        return held.getsockname()[1]


def test_the_studio_serves_until_ctrl_c():
    port = free_port()
    command = [*COMMAND, "studio", TEXT, "--port", str(port), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert f"http://localhost:{port}" in process.stdout.readline()
        local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(600):
            try:
                assert local.open(f"http://localhost:{port}/_stcore/health", timeout=5).read() == b"ok"
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130) and "Traceback" not in out + err


def test_a_port_that_is_taken_is_a_sentence():
    with socket.socket() as held:
        held.bind(("localhost", 0))
        held.listen()
        got = lrcore("studio", "--no-browser", "--port", str(held.getsockname()[1]))
    assert got.returncode == 2 and re.fullmatch(r"lrcore: Port \d+ cannot be used: Address already in use\. Give another .*\n", got.stderr)
