# Everything one does with this repository, one word each. `make` alone lists them.
# Kept to what the make of macOS (3.81) understands.

PORT ?= 8000
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip --disable-pip-version-check install -qq --require-hashes
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(PYTHON) -m piptools compile --quiet --allow-unsafe \
	--generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host
TEMPLATES = $$(find templates practice procedures consultations -name '*.html')
export PORT

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-quick bench lint format lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.ready-to-run .dev/env ## Start site and worker with sample content (PORT=8001 make run)
	@if [ "$$PORT" != 8000 ]; then export SITE_URL="$${SITE_URL:-http://localhost:$$PORT}"; fi; \
	while IFS= read -r line; do \
		case "$$line" in ''|'#'*) continue;; esac; \
		eval "[ -n \"\$${$${line%%=*}+set}\" ]" || export "$$line"; \
	done < .dev/env; \
	exec $(PYTHON) manage.py run_local --port "$$PORT"

test: $(VENV)/.ready-to-test ## Run every test: SQLite, PostgreSQL, Chromium (ARGS="-k name")
	@$(PYTHON) -m tests.run $(ARGS)

test-quick: $(VENV)/.ready-to-test ## Run the tests that need neither PostgreSQL nor Chromium
	@$(PYTHON) -m tests.run --quick $(ARGS)

bench: $(VENV)/.ready-to-test ## Measure the site beside references (ARGS="pages form --quick")
	@$(PYTHON) -m benchmarks $(ARGS)

lint: $(VENV)/.ready-to-test ## Check code and templates
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@files=$(TEMPLATES); [ -z "$$files" ] || $(VENV)/bin/djade --target-version 5.2 --check $$files

format: $(VENV)/.ready-to-test ## Put code and templates into the common form
	@$(PYTHON) -m ruff check --fix --exit-zero --quiet .
	@$(PYTHON) -m ruff format .
	@files=$(TEMPLATES); [ -z "$$files" ] || $(VENV)/bin/djade --target-version 5.2 $$files || :

lock: $(VENV)/.ready-to-test ## Compile requirements*.in with hashes (ARGS=--upgrade for newer ones)
	@$(LOCK) $(ARGS) --output-file=requirements.txt requirements.in
	@$(LOCK) $(ARGS) --output-file=requirements-dev.txt requirements-dev.in

clean: ## Remove what can be made again; database, pictures and .dev/env stay
	@rm -rf $(VENV) staticfiles .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- What the commands above stand on ----------------------------------------------------

# pip is the last thing that `venv` puts in place: where it is, the environment is whole.
$(VENV)/bin/pip:
	@for python in python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "This needs Python 3.11 or newer, and none was found." >&2; \
		echo "Debian or Ubuntu: sudo apt install python3 python3-venv" >&2; \
		echo "macOS: brew install python, or the installer from https://www.python.org/" >&2; \
		exit 1; \
	fi; \
	if ! $$found -c 'import venv, ensurepip' 2>/dev/null; then \
		version=$$($$found -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "Python $$version lacks its module for virtual environments." >&2; \
		echo "Debian or Ubuntu: sudo apt install python$$version-venv" >&2; \
		exit 1; \
	fi; \
	echo "Making a virtual environment in $(VENV) with $$($$found --version)"; \
	$$found -m venv --clear $(VENV)

$(VENV)/.ready-to-run: requirements.txt | $(VENV)/bin/pip
	@echo "Installing what the site needs (once, and again when requirements.txt changes)"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.ready-to-test: requirements.txt requirements-dev.txt | $(VENV)/bin/pip
	@echo "Installing what the site and its tests need (once, and again when it changes)"
	@$(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	@touch $@ $(VENV)/.ready-to-run

.dev/env: | $(VENV)/.ready-to-run
	@mkdir -p .dev
	@umask 077; $(PYTHON) manage.py generate_secrets --development > $@
