# Everything a fresh machine needs: `make demo`, `make test`. `make help` lists the rest.
#
#   PYTHON=python3.12   the interpreter the virtual environment is made from (3.10 or later)
#   GPU=1               `make install GPU=1`: TensorFlow's CUDA build
#   TEST_PROCESSES=4    for the tests; each takes some 2 GB
#   CUDA_ARCH=sm_90     build the CUDA extension for that GPU, whether or not one is here

PYTHON ?= python3
TEST_PROCESSES ?= 2
PY := .venv/bin/python
MINDSPORE_PY := .venv-mindspore/bin/python
EXTRAS_PY := .venv-extras/bin/python
# The tests of a file share what is costly to make.
in_processes = -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile
COMPILED := setup.py $(wildcard lib/ssh_tf/*/*.pyx lib/ssh_tf/*/*.h lib/ssh_tf/*/*.cu)

.DELETE_ON_ERROR:
.PHONY: rebuild help demo install build test lint format bench stress mindspore test-mindspore extras test-extras test-web clean

help:
	@echo 'make demo            detect faces in data/demo, results in output/demo'
	@echo 'make install [GPU=1] the virtual environment .venv with the package in it'
	@echo 'make build           compile the extensions again'
	@echo 'make test            all tests but those of the port that need MindSpore'
	@echo 'make lint            ruff and mypy'
	@echo 'make format          ruff, in place'
	@echo 'make bench           speed by stage, backbone and precision'
	@echo 'make stress          a long run with its memory, and runs that are killed'
	@echo 'make mindspore       a second environment, .venv-mindspore, for the MindSpore port'
	@echo 'make test-mindspore  the tests of the port'
	@echo 'make extras          a third environment, .venv-extras, with Ray Data and others that few need'
	@echo 'make test-extras     the tests of what needs them'
	@echo 'make test-web        the web page in a browser: Debian'\''s chromium, installed where one may'
	@echo 'make clean           remove what was built and the environments'

demo: build
	$(PY) tools/demo.py

bench: build
	$(PY) tools/benchmark.py

stress: build
	$(PY) tools/stress.py

# Empty: compiled modules are kept, or each of the hundred processes that tests start would compile the package again.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/.dev build
	$(PY) $(in_processes)

lint: .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: .venv/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

install: $(if $(GPU),.venv/.gpu) build

build: .venv/.built

mindspore: .venv-mindspore/.installed

test-mindspore: .venv-mindspore/.installed
	$(MINDSPORE_PY) $(in_processes) tests/ssh_ms tests/tools/mindspore

extras: .venv-extras/.installed

test-extras: .venv-extras/.installed
	$(EXTRAS_PY) $(in_processes) tests/ssh_tf/bulk tests/tools/test_detect_bulk.py tests/tools/measuring/test_peers.py \
		tests/examples/test_fastapi_service.py tests/examples/test_notebook.py tests/ssh_tf/model/inference/test_tracking.py \
		tests/ssh_tf/utils/test_sound.py

# Debian's own browser and driver fit each other; elsewhere any Chromium of that name will do.
test-web: .venv-extras/.installed
	@command -v chromium chromedriver >/dev/null || \
		{ test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver; } || \
		{ echo 'error: no chromium and chromedriver here; on Debian: apt install chromium chromium-driver' >&2; exit 1; }
	$(EXTRAS_PY) -m pytest tests/ssh_tf/web

clean:
	rm -rf .venv .venv-mindspore .venv-extras build dist *.egg-info lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find lib tools tests '(' -name '*.so' -o -name __pycache__ ')' -prune -exec rm -rf {} +

# A stamp is newer than all it was made from, so nothing is installed or compiled twice.

define make_environment
@command -v '$(PYTHON)' >/dev/null || \
	{ echo 'error: there is no $(PYTHON) here; name a Python 3.10 or later: make PYTHON=/path/to/python3' >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo 'error: $(PYTHON) is not Python 3.10 or later; name one that is: make PYTHON=python3.12' >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo 'error: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
@$(PYTHON) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("include"), "Python.h").stat()' 2>/dev/null || \
	{ echo 'error: $(PYTHON) has no Python.h to compile with; on Debian and Ubuntu: apt install python3-dev' >&2; exit 1; }
@command -v "$${CC:-cc}" >/dev/null || \
	{ echo 'error: no C compiler; on Debian and Ubuntu: apt install build-essential' >&2; exit 1; }
@echo 'Making $(@D:/bin=) (this takes a few minutes the first time)'
@$(PYTHON) -m venv $(@D:/bin=)
@$@ -m pip install --quiet --upgrade pip 'setuptools>=77' 'cython>=3.0'
endef

$(PY):
	$(make_environment)

$(MINDSPORE_PY):
	$(make_environment)

$(EXTRAS_PY):
	$(make_environment)

# Installs the package in place, extensions compiled; -W ignore, since setuptools warns of every such install.

editable = -W ignore -m pip install --quiet --no-build-isolation --editable

.venv/.installed: pyproject.toml | $(PY)
	$(PY) $(editable) '.[tensorflow]'
	@touch $@

.venv/.dev: .venv/.installed
	$(PY) $(editable) '.[dev,onnx]'
	@touch $@

.venv/.gpu: .venv/.installed
	$(PY) $(editable) '.[gpu]'
	@touch $@

.venv/.built: .venv/.installed $(COMPILED) $(if $(CUDA_ARCH),rebuild)
	$(if $(CUDA_ARCH),CUDA_ARCH='$(CUDA_ARCH)') $(PY) setup.py --quiet build_ext --inplace
	@touch $@

.venv-mindspore/.installed: pyproject.toml | $(MINDSPORE_PY)
	$(MINDSPORE_PY) $(editable) '.[mindspore,dev]'
	@touch $@

.venv-extras/.installed: pyproject.toml | $(EXTRAS_PY)
	$(EXTRAS_PY) $(editable) '.[bulk,web,compare,track,sound,onnx,dev]' 'selenium>=4.11' \
		fastapi python-multipart httpx nbclient ipykernel
	# Two OpenCVs lie in one folder; the one that needs no screen is to be on top.
	$(EXTRAS_PY) -m pip install --quiet --force-reinstall --no-deps 'opencv-python-headless<5'
	@touch $@
