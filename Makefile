# One target per verb; each makes .venv and builds the package first if that has not been done.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check --quiet
READY  := $(VENV)/.ready
KERNEL := $(wildcard src/lrcore/*.pyx src/lrcore/*.pxd src/lrcore/_*.h src/lrcore/_*.c)

DEMO_ARGS ?=
TEST_ARGS ?= --numprocesses=auto
INTEGRATION_ARGS ?= --numprocesses=2
KERAS_ARGS ?= --numprocesses=2
KERAS_BACKENDS ?= tensorflow jax torch
BENCH_ARGS ?=

.PHONY: help demo test test-integration test-keras studio-test lint format docs bench bench-compare bench-instructions bench-train sanitize clean
.DELETE_ON_ERROR:

help:            ## list the verbs
	@sed -n 's/^\([a-z-]*\): .*## */  make \1\t/p' $(MAKEFILE_LIST) | expand -t 25

demo: $(READY)   ## the main job: plan, table, file, picture, and a classifier trained with it
	$(PY) examples/demo.py $(DEMO_ARGS)

test: $(READY)   ## the tests, without trainers
	$(PY) -m pytest $(TEST_ARGS)

test-integration: $(VENV)/.integration ## tests in real trainers: Lightning, transformers, accelerate, torchrun
	$(PY) -m pytest $(INTEGRATION_ARGS) tests/integration tests/test_torch_native.py  # the latter for its cases of timm

# Keras has one backend a process.
test-keras: $(VENV)/.keras ## tests of the Keras binding, on TensorFlow, JAX and PyTorch
	for backend in $(KERAS_BACKENDS); do \
	  KERAS_BACKEND=$$backend TF_CPP_MIN_LOG_LEVEL=3 $(PY) -m pytest $(KERAS_ARGS) tests/keras || exit; \
	done

# Some of the screenshots are the pictures of docs/studio.md and docs/experiments.md: copy them from there when the page has changed.
STUDIO_ARGS ?= --screenshots=build/studio
studio-test: $(VENV)/.browser ## the studio in a real browser, Chromium, with screenshots in build/studio
	@command -v chromium >/dev/null || { echo "make studio-test wants Chromium: apt-get install chromium"; exit 1; }
	$(PY) -m pytest $(STUDIO_ARGS) tests/studio

lint: $(READY)   ## ruff, then mypy --strict
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(READY) ## let ruff lay out the code
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(READY)   ## the generated pages: catalogue, gallery and pictures, presets, torch differences, the command line
	$(PY) docs/make_catalogue.py
	$(PY) -m lrcore.presets > docs/presets.md
	$(PY) docs/make_torch_differences.py
	$(PY) docs/make_cli.py

bench: $(VENV)/.bench ## measure every promise of speed; writes benchmarks/RESULTS.md and README's table
	$(PY) -m benchmarks $(BENCH_ARGS)

bench-compare: $(VENV)/.bench ## measure again, and say what got slower than the run that is stored
	$(PY) -m benchmarks --compare $(BENCH_ARGS)

# TRAIN_ARGS='--device cuda' for a GPU, --backend torch for one framework; without --short the results are stored.
TRAIN_ARGS ?= --device cpu --short
bench-train: $(VENV)/.bench $(VENV)/.keras ## train for real with every framework under every kind of schedule; a short run on the CPU
	$(PY) -m benchmarks.train $(TRAIN_ARGS)

bench-instructions: $(READY) ## count instructions under valgrind, and compare with those that are stored
	$(PY) -m benchmarks.instructions $(BENCH_ARGS)

# The kernel again, built beside the ordinary one with the sanitizers in it. --capture=sys leaves their report visible.
SANITIZED := build/sanitize/lib
KERNEL_TESTS ?= tests/test_bits.py tests/test_truth.py tests/test_semantics.py tests/test_write_row.py tests/test_row_writer.py
sanitize: $(READY) ## the kernel's tests under AddressSanitizer and UndefinedBehaviorSanitizer
	rm -rf build/sanitize
	LRCORE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1" \
	  $(PY) setup.py --quiet build --build-base build/sanitize --build-lib $(SANITIZED)
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc PYTHONPATH=$(SANITIZED) \
	  $(PY) -m pytest --numprocesses=auto --capture=sys $(KERNEL_TESTS)

clean:           ## remove what was built; .venv stays
	rm -rf build dist *.egg-info src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -f src/lrcore/*.so $(READY) $(VENV)/.bench $(VENV)/.timm $(VENV)/.integration $(VENV)/.keras $(VENV)/.browser
	find src bindings tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	$(PYTHON) -m venv $(VENV)

# --no-build-isolation: build with the pinned Cython, and again in seconds when the kernel changes.
$(READY): pyproject.toml setup.py constraints.txt $(KERNEL) | $(PY)
	$(PIP) install --constraint constraints.txt setuptools Cython
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

# timm without what it asks for: only its schedulers are used, which need torch alone. Of torchvision, the release for this torch is
# built for CUDA and cannot be imported beside a CPU build of torch; other libraries would try to.
$(VENV)/.timm: $(READY)
	$(PIP) install --constraint constraints.txt --no-deps timm
	@touch $@

$(VENV)/.integration: $(READY) $(VENV)/.timm
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev,integration]'
	@touch $@

$(VENV)/.keras: $(READY)
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev,tensorflow]'
	@touch $@

$(VENV)/.browser: $(READY)
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev,browser]'
	@touch $@

$(VENV)/.bench: $(READY) $(VENV)/.timm
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev,bench]'
	@touch $@
