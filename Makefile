# Two commands are enough for a newcomer: `make demo` and `make test`. Everything lands in .venv.
PYTHON ?= python3
PY := .venv/bin/python
# Some images set it; then each of the many processes of the demo and the tests would compile all that it imports.
export PYTHONDONTWRITEBYTECODE =
STORE ?= local
EXECUTOR ?= local
COMPILE = .venv/bin/uv pip compile --quiet pyproject.toml --extra server --extra worker --python-version 3.11 \
	--no-annotate --custom-compile-command "make lock"

.PHONY: help demo run test soak check format bench lock checkpoints screenshots clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/ready  ## a Hub, a board, tiny checkpoints and a challenge on this machine; ONCE=1 ends when all are evaluated, STORE=hub keeps files on the Hub, EXECUTOR=slurm runs jobs on Slurm
	@$(if $(filter slurm,$(EXECUTOR)),bash scripts/system_packages.sh)
	@$(PY) -m scripts.demo --store $(STORE) --executor $(EXECUTOR) $(if $(ONCE),--once)

run: .venv/ready  ## the service against the real Hub, files in requests/ and results/
	$(PY) app.py

check: .venv/ready-dev  ## ruff, mypy and the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PY) -m pytest tests/test_architecture.py

# Five processes for two cores: half of a test's time is waiting. A file's tests stay in one of them, which makes its
# Hubs and boards once.
test: .venv/ready-dev  ## the tests; with root and apt, installs the browser they need first
	@bash scripts/system_packages.sh
	$(PY) -m pytest -n 5 --dist loadfile --no-loadscope-reorder

soak: .venv/ready-dev  ## long repetitions of what goes wrong in operation: full disks, outages, every fault of the Hub
	$(PY) -m pytest -n 4 -m soak

format: .venv/ready-dev  ## let ruff fix and format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv/ready-dev  ## every figure that Podium promises, against its peers
	$(PY) scripts/bench.py all

lock: .venv/bin/uv  ## resolve pyproject.toml into requirements.txt and requirements-dev.txt; UPGRADE=1 takes newer versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev -c requirements.txt -o requirements-dev.txt

checkpoints: .venv/ready  ## make the tiny checkpoints of the demo again
	$(PY) -m scripts.make_checkpoints

screenshots: .venv/ready-dev  ## docs/images from a running demo
	$(PY) -m scripts.screenshots

clean:  ## remove what the demo and the tests made, keep .venv
	rm -rf .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/uv:
	@bash scripts/make_venv.sh $(PYTHON)

# torch is in requirements.txt, its CUDA packages are not: make_venv.sh installs it first, so that a machine's own build is kept.
.venv/ready: requirements.txt .venv/bin/uv
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps -r requirements.txt
	@touch $@

.venv/ready-dev: requirements-dev.txt .venv/ready
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps -r requirements-dev.txt
	@$(PY) -c "import gradio, lm_eval.evaluator, lm_eval.models.huggingface, peft" # compiled once, not by each test process
	@touch $@
