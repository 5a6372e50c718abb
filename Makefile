# make demo    build a miniature release from miniature raw archives
# make test    everything the project checks
# make engines  Flink, Beam's job server and Prism, for the tests that need them (Java, Maven, Go); what cannot be had is skipped
# make docs    the documentation as a site, in .site/; make docs-serve shows it; make reference writes pages made from code anew
# make browser  Chromium for the tests that use a page, where the machine has none (npm); what cannot be had is skipped
# make readers  datasets 3.6.0, medvision_bm and PyTorch (some GB), for the tests that read a release with them; as above
# make torture  tries to break it: kills, full disks, broken and hostile files, secrets, tampering; writes docs/torture.md
# make bench   whole cases beside two baselines; make scale, make cost: the other figures of the docs
# PYTHON=python3.12 make demo    with another interpreter

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TYPED := $(VENV)/typecheck
FIGURES := docs/figures

.PHONY: venv demo test lint types engines browser readers docs docs-serve reference torture bench scale cost lock audit sbom container-check clean
.DEFAULT_GOAL := demo

venv: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "MedVision needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not: try 'make PYTHON=python3.12 ...'" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: venv
	$(BIN)/python tests/miniature.py demo/raw
	$(BIN)/medvision build all --raw demo/raw --out demo/release --private
	$(BIN)/medvision validate demo/release
	@echo "The release is in demo/release: start with its README.md; data/, annotations/ and pairs/ are Parquet, webdataset/ is tar."

test: lint types engines browser readers
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not heavy"
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m heavy

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint runners/container/Dockerfile

# Type checkers do not see through the editable install, so they read a plain one. `build` goes first: setuptools
# would otherwise install modules that were deleted since.
types: venv
	@rm -rf build $(TYPED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --target $(TYPED) .
	@rm -rf build
	MYPYPATH=$(TYPED) $(BIN)/mypy -p medvision

engines: venv
	$(BIN)/python tests/promises/engines/fetch.py .engines flink beam-flink prism

browser: venv
	$(BIN)/python tests/promises/engines/fetch.py .engines chromium

readers: venv
	$(BIN)/python tests/promises/readers/fetch.py .readers

# NO_MKDOCS_2_WARNING: the theme's word on what comes after MkDocs 1, which is what the lock holds.
docs: reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The site is in .site/: open .site/index.html; to search it, serve the folder (make docs-serve)."

docs-serve: reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

reference: venv
	$(BIN)/python -m medvision.pipelines.reference docs

# Under half an hour; SCALE=0.1 tries a tenth.
torture: venv
	PYTHONPATH=tests $(BIN)/python -m torture --scale $(or $(SCALE),1) --markdown docs/torture.md

# Whole cases beside a naive build and the floor: some ten minutes, best on a machine with nothing else to do.
bench: venv
	$(BIN)/python benchmarks/bench.py --json $(FIGURES)/cases.json --svg $(FIGURES)/cases.svg

scale: venv
	$(BIN)/python benchmarks/scale_cases.py --cases 20 200 2000 --json $(FIGURES)/scale.json
	$(BIN)/python benchmarks/beam_overhead.py --json $(FIGURES)/workers.json
	$(BIN)/python benchmarks/scaling_chart.py $(FIGURES)/scale.json $(FIGURES)/workers.json $(FIGURES)/scaling.svg

cost: venv
	$(BIN)/python benchmarks/cost.py $(FIGURES)/cases.json --markdown docs/cost.md

READERS := tests/promises/readers
LOCKED := --no-annotate --no-emit-index-url --generate-hashes

lock:
	$(UV) pip compile --upgrade --universal --python-version 3.11 --extra dev $(LOCKED) \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(UV) pip compile --upgrade --universal --python-version 3.11 --extra gcp $(LOCKED) \
	  --custom-compile-command "make lock" --constraint requirements.lock pyproject.toml -o requirements-worker.lock
	for name in torch datasets-3.6.0 "medvision_bm --no-deps"; do set -- $$name; \
	  $(UV) pip compile --upgrade --universal --python-version 3.11 $(LOCKED) $$2 \
	    --custom-compile-command "make lock" $(READERS)/$$1.in -o $(READERS)/$$1.lock || exit 1; done

# Known weaknesses of the locked packages, and the list of what a release is made of: both need uv, audit a network that
# reaches the advisories.
audit:
	$(UV) tool run pip-audit==2.10.1 --require-hashes --disable-pip -r requirements.lock

sbom:
	mkdir -p dist
	$(UV) tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements-worker.lock \
	  --pyproject pyproject.toml --output-reproducible -o dist/medvision.cdx.json

# What the image of Dataflow's workers holds, in a fresh environment: about 1 GB is downloaded. The image itself needs
# Docker: docker build -f runners/container/Dockerfile .
container-check: venv
	MEDVISION_CONTAINER_CHECK=1 $(BIN)/python -m pytest -q tests/promises/test_worker_environment.py

clean:
	rm -rf $(VENV) .site build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
