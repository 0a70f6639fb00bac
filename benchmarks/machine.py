"""The machine, as far as speed depends on it; no names of hosts or people."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lrcore import _kernel

FEATURES = ("sse2", "avx", "fma", "avx2", "bmi2", "avx512f", "avx512dq", "avx512vl", "avx512bw", "asimd", "sve")
PACKAGES = ("lrcore", "numpy", "msgspec", "torch", "keras", "jax", "optax", "timm", "lrsched", "pytest-benchmark")


def describe() -> dict[str, Any]:
    """What RESULTS.md says of the machine, in plain JSON types. `name` is made of architecture, instruction set and cores."""
    facts = _cpu_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    cores = len(os.sched_getaffinity(0))
    return {
        "name": f"{platform.machine()}-{_kernel.levels()[-1]}-{cores}core{'s' * (cores > 1)}",
        "cpu": facts.get("model name", platform.machine()),
        "cores": cores,
        "features": [feature for feature in FEATURES if feature in flags],
        "levels": _kernel.levels(),
        "caches": _caches(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": _compiler(),
        "versions": _versions(),
    }


def _cpu_facts() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; nothing where there is none."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {}


def _caches() -> str:
    found = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with suppress(OSError):
            level, kind, size = ((cache / fact).read_text().strip() for fact in ("level", "type", "size"))
            if kind != "Instruction":
                found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def _compiler() -> str:
    """The compiler that says in the extension module that it made it."""
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", Path(_kernel.__file__).read_bytes())
    return found[0].decode() if found else "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
