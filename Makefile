# Every target sets up what it needs: `make run` and `make test` work in a fresh clone on Debian 12 or later.
# PYTHON chooses the interpreter for the environment in .venv (3.11 or later).
PYTHON ?= python3
PY = .venv/bin/python
OURS = src collectors tests packaging examples
TYPED = src/diagbundle collectors packaging/make_docs.py packaging/make_man.py packaging/guides.py packaging/make_completions.py packaging/linux/build.py packaging/bench examples/acme/acme_diag

export PYTHON
export PYTHONDONTWRITEBYTECODE = 1

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

run: .venv/ready  ## make a bundle of this machine in ./build, show what is in it, and judge it
	@packaging/first-run build

test: .venv/ready test-packages  ## run the tests, but for the slow ones and those of the static file
	@$(PY) -m pytest -q -m "not slow" --ignore tests/static

test-all: .venv/ready test-packages  ## run all tests but those of the static file
	@$(PY) -m pytest -q --ignore tests/static

check: .venv/ready  ## format, lint and types
	@$(PY) -m ruff format --check $(OURS)
	@$(PY) -m ruff check $(OURS)
	@MYPYPATH=src:packaging $(PY) -m mypy --strict $(TYPED)

format: .venv/ready  ## format the code
	@$(PY) -m ruff format $(OURS)

bench: .venv/ready  ## compare with tar, zstd, xz, sosreport and hotsos on this machine (ONLY=LETTERS for parts of it: packaging/bench/run.py)
	@$(PY) packaging/bench/run.py $(if $(ONLY),--only $(ONLY))

accept: .venv/ready  ## write what is expected of the cases of rules anew; look at the difference before you commit
	@ACCEPT=1 $(PY) -m pytest -q tests/analyse

fuzz: .venv/ready  ## 100,000 mutated inputs into every reader and parser, about 20 minutes (COUNT=n, SEED=n, ONLY=target)
	@$(PY) -m tests.fuzz --count $(or $(COUNT),100000) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))
	@$(PY) -m tests.redact.asan --seconds $(or $(SECONDS),60)

soak: .venv/ready  ## 200 collections in a row, and the response times of a neighbour meanwhile (about 40 minutes)
	@$(PY) packaging/bench/soak.py
	@$(PY) packaging/bench/neighbour.py

docs: .venv/ready  ## write docs/collectors.md and docs/rules.md from the code
	@$(PY) packaging/make_docs.py

build: .venv/ready  ## make the wheel and the sdist in ./dist
	@$(PY) -m pip install --quiet --disable-pip-version-check build
	@$(PY) -m build --outdir dist .

packages: .venv/ready  ## make .deb, .rpm and .apk of the static files, in ./dist
	@$(PY) packaging/linux/build.py

wheelhouse: .venv/ready  ## make the wheels of diagbundle and of all it needs, for machines without internet, in ./dist
	@PYTHON=$(CURDIR)/$(PY) packaging/wheelhouse

test-static: .venv/ready static packages wheelhouse test-packages-static  ## try the static file and the packages on many systems (about 15 minutes)
	@$(PY) -m pytest -q tests/static tests/kit tests/packaging tests/release

test-static-quick: .venv/ready test-packages test-packages-static
	@$(PY) -m pytest -q -m "not slow" tests/static tests/kit tests/packaging tests/release

static: .venv/ready  ## make the static file for servers, ./dist/diagbundle-linux-*, of pinned sources (ARCH=x86_64 for that alone)
	@packaging/test-packages packaging/static/tools.txt
	@PATH="$(CURDIR)/.venv/bin:$$PATH" packaging/static/build $(ARCH)

clean:  ## remove what make made, also the bundles in ./build
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
	find $(OURS) -name __pycache__ -prune -exec rm -rf {} +

test-packages-static: test-packages
	@packaging/test-packages packaging/test-packages-static.txt

.venv/ready: pyproject.toml packaging/venv $(wildcard src/diagbundle/*/*.c src/diagbundle/*/*/*.c)
	@packaging/venv

test-packages:
	@packaging/test-packages

.PHONY: help run test test-all check format bench fuzz soak docs build static packages wheelhouse test-static test-static-quick clean test-packages test-packages-static
