"""The one thing pyproject.toml cannot say: the extension and its compiler's flags."""

import os
import shlex
import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

# -O3: at -O2 gcc does not vectorise. -ffp-contract=off: no silent fma, else two instruction sets give different bits.
# The next two let loops with comparisons vectorise; the kernel reads neither errno nor the floating-point flags. -fno-wrapv takes
# back Python's own -fwrapv, under which a loop that writes out[i + j] does not vectorise (filling float32: six times slower). The last
# lets gcc inline what is written inline to the end: a loop that calls its formula does not vectorise (cosines of random steps: five
# times slower; -Winline tells).
FLAGS = (
    ["/O2", "/fp:precise"]
    if sys.platform == "win32"
    else ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-wrapv", "--param=inline-unit-growth=1000"]
)
EXTRA = shlex.split(os.environ.get("LRCORE_CFLAGS", ""))  # sanitizers; given to the linker too

kernel = Extension(
    "lrcore._kernel",
    sources=["src/lrcore/_kernel.pyx", *sorted(glob("src/lrcore/_[!k]*.c"))],  # all but a _kernel.c that Cython once left there
    depends=sorted(glob("src/lrcore/_*.h")),
    include_dirs=["src/lrcore"],
    extra_compile_args=FLAGS + EXTRA,
    extra_link_args=EXTRA,
)

rules = Extension(  # of its own, so that a program without rules does not load it
    "lrcore._adaptive",
    sources=["src/lrcore/_adaptive.pyx"],
    depends=["src/lrcore/_adaptive.h"],
    include_dirs=["src/lrcore"],
    extra_compile_args=FLAGS + EXTRA,
    extra_link_args=EXTRA,
)

setup(ext_modules=cythonize([kernel, rules], build_dir="build/cython"))  # generated C stays out of the source tree
