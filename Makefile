# Everything runs in .venv, which the first target made installs (tools/install.py).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve book lab test test-all mutants bench lint format map picture vendor footprint set-repository clean

# .venv is made with the first of these that is Python 3.11 or newer.
PYTHON ?= python3.13 python3.12 python3.11 python3.14 python3 python

# A file, a page of the book and JupyterLab each go to one worker, in tests/conftest.py's order.
SHARED_OUT := -n auto --dist loadgroup --no-loadscope-reorder

# What the book is made of: a change in any of these makes the next 'make book' build it again.
BOOK := _build/html/.built
FIND_SOURCES := find _config.yml _toc.yml book notebooks tpcore results -type f \
  ! -path '*/__pycache__/*' ! -path '*/.*' ! -name '* *' ! -name live-book.png ! -name card.png 2>/dev/null
BOOK_SOURCES := $(shell $(FIND_SOURCES))
# A removed source leaves nothing behind that is newer than the book. So an empty file is named by a checksum of the
# sources' names: once one is gone, that file does not exist, and making it makes the book too.
BOOK_NAMES := _build/names-$(shell $(FIND_SOURCES) | sort | cksum | tr ' ' -)

## Read
help: ## Show this list
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' Makefile

serve: $(BOOK) ## Read the book: build it if needed, then serve it at http://localhost:8000
	@.venv/bin/python tools/serve.py _build/html

book: $(BOOK) ## Build the book into _build/html; any warning or failed cell is an error
	@echo "The book is in _build/html/index.html"

lab: .venv/installed ## Open the chapters in JupyterLab
	.venv/bin/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00-welcome.ipynb

## Test
ifdef FILE
test: .venv/installed
	.venv/bin/pytest $(FILE)
else
test: $(BOOK) ## Run the tests, in a real browser and a real Jupyter too; one file: make test FILE=tests/test_rules.py
	.venv/bin/pytest $(SHARED_OUT) -m "not slow"
endif

test-all: $(BOOK) ## Run the tests that take minutes too: every notebook in its live form
	.venv/bin/pytest $(SHARED_OUT)

mutants: .venv/installed ## Put faults into the code and see whether the tests find them (half an hour)
	.venv/bin/python -m tests.mutants

## Measure and mend
bench: .venv/installed ## Measure training steps beside torch's: tables, and records that the book reads (8 minutes)
	.venv/bin/python -m benchmarks.speed
	.venv/bin/python -m benchmarks.grid
	.venv/bin/python -m benchmarks.playground
	.venv/bin/python -m benchmarks.playground_page

lint: .venv/installed ## Check style, types, layers, and that no notebook holds outputs
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy tpcore
	.venv/bin/lint-imports --no-logo
	.venv/bin/nbstripout --verify notebooks/*.ipynb

format: .venv/installed ## Mend what can be mended: style and notebook outputs
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/nbstripout notebooks/*.ipynb

map: .venv/installed ## Draw the map of tpcore in CONTRIBUTING.md again, after a change of its layers
	.venv/bin/python tools/house_map.py

picture: $(BOOK) ## Take the pictures of the live book again, the README's and the one of links (needs Chromium)
	.venv/bin/python tools/picture.py

vendor: .venv/installed ## Fetch plotly.js and the formulas' font again from npm, for the pages (needs npm)
	.venv/bin/python tools/vendor.py

footprint: .venv/installed ## Print what Binder has to carry: megabytes installed, and of a chapter's kernel
	.venv/bin/python tools/footprint.py

set-repository: .venv/installed ## Change the repository's address everywhere: make set-repository URL=https://github.com/ACCOUNT/NAME
	@.venv/bin/python tools/set_repository.py "$(URL)"

clean: ## Remove all that make has made: .venv, _build and caches
	rm -rf .venv _build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: pyproject.toml constraints.txt tools/install.py
	@for p in $(PYTHON); do \
	  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exec $$p tools/install.py; fi; done; \
	for p in $(PYTHON); do if $$p -c '' 2>/dev/null; then exec $$p tools/install.py; fi; done; \
	echo "make: no Python found. Install Python 3.11 or newer: https://www.python.org/downloads/" >&2; exit 1
	@touch $@

$(BOOK_NAMES):
	@mkdir -p _build && rm -f _build/names-* && touch $@

$(BOOK): .venv/installed $(BOOK_SOURCES) $(BOOK_NAMES)
	@rm -f $@
	@.venv/bin/python tools/build.py
	@touch $@
