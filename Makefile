# make demo   the main job, from download to map, on a real scene
# make test   all tests
# Every target sets up what it needs; a second run finds it done.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CACHE := node_modules/.cache/hyperswap
sources := $(shell find proto shared services clients deploy docs tests -name node_modules -prune -o -name dist -prune -o -name generated -prune \
  -o \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.html' -o -name '*.proto' -o -name 'tsconfig.json' -o -name 'buf*.yaml' \) -print)

.PHONY: docs python-client release versions help setup build engine demo test test-cuda test-qgis servers lint format references reference pretrain-mini parity-fixtures peft-fixtures parity-peft parity-base bench bench-pytorch bench-peers bench-peft load bench-scaling bench-pods soak trace-picture check-alerts clean

help:
	@sed -n 's/^# //p' Makefile | head -3; echo "also: python-client release versions setup lint format references reference pretrain-mini parity-fixtures parity-base clean"

setup: build engine

# Install scripts stay off: tfjs-node's would fetch a TensorFlow of 2022.
$(CACHE)/installed: package.json package-lock.json $(wildcard shared/*/package.json services/*/package.json clients/*/package.json proto/package.json deploy/package.json docs/package.json tests/package.json)
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p $(CACHE) && touch $@

$(CACHE)/built: $(CACHE)/installed tsconfig.json tsconfig.base.json $(sources)
	npm run --silent build
	@touch $@

build: $(CACHE)/built

# ENGINE=cuda takes the CUDA build; TENSORFLOW_WHEEL names a wheel that is here already.
engine: build
	@node shared/tensor/dist/engine/main.js

# SPLIT=../shared/data/indian_pines takes SpectralFormer's TR / TE maps instead of a random split.
demo: setup
	./bin/hyperswap demo --out out/demo $(if $(SPLIT),--split $(SPLIT)) $(DEMO_FLAGS)

# nats-server, MinIO, grpcurl and Helm for the tests that need them: from the PATH, else built once by Go (about twelve minutes on 2 cores)
# and kept in the user's cache. They are looked for first, so that no two test files build them at once.
test: setup
	@node tests/dist/support/servers.js
	@node tests/dist/support/grpcurl.js
	@node tests/dist/support/manifests.js
	node --test --test-concurrency=2 --test-reporter=./tests/dist/support/reporter.js \
	  $$(find tests/dist/unit tests/dist/contract tests/dist/parity tests/dist/integration tests/dist/faults tests/dist/e2e -name '*.test.js')

# The CUDA build, with or without a GPU: sets it up (3.3 GB of downloads, 5 GB in the cache folder), loads every library of NVIDIA's, and
# compares with PyTorch's fixtures; without a GPU on the processor with public ops. Then the engine of ENGINE is linked again.
test-cuda: setup
	trap 'node shared/tensor/dist/engine/main.js' EXIT; \
	ENGINE=cuda node shared/tensor/dist/engine/main.js && \
	HYPERSWAP_KERNELS=public node --test --test-concurrency=1 --test-reporter=./tests/dist/support/reporter.js \
	  $$(find tests/dist/cuda tests/dist/parity -name '*.test.js')

# The Processing provider in QGIS without a screen. QGIS is that of the machine; root gets Debian's python3-qgis if there is none (about 100 s).
test-qgis: setup
	node --test --test-reporter=./tests/dist/support/reporter.js tests/dist/qgis/qgis.test.js

# nats-server and MinIO on loopback, for development, until Ctrl-C.
servers: build
	@node deploy/dist/main.js

lint: build
	npm run --silent lint

# Writes TypeScript's project references again, from the dependencies in package.json.
references: $(CACHE)/installed
	npm run --silent references

# The documents as a static site with search, in out/site.
docs: setup
	npx vitepress build docs

# Writes docs/reference again, from protos, command line, error catalogue and configuration schema.
reference: build
	node docs/dist/main.js

format: $(CACHE)/installed
	npm run --silent format

# Makes the backbone that ships again (about 40 minutes on 2 cores), from the scenes of DATA.
DATA ?= ../shared/data
pretrain-mini: setup
	./bin/hyperswap pretrain-mini --data $(DATA) --out out/pretrain-mini $(PRETRAIN_FLAGS)

# Writes tests/parity/fixtures again with PyTorch and scikit-learn, in a virtual environment of its own.
parity-fixtures:
	python3 -m venv out/parity-venv
	out/parity-venv/bin/pip install --quiet -r tests/parity/requirements.txt
	out/parity-venv/bin/python tests/parity/write_fixtures.py
	out/parity-venv/bin/python tests/parity/write_pca_fixtures.py
	out/parity-venv/bin/python tests/parity/write_discriminant_fixture.py

# Writes fixtures/peft again with Hugging Face's PEFT, and loads what hyperswap exports with it.
peft-fixtures parity-peft: build
	test -x out/parity-venv/bin/python || $(MAKE) parity-fixtures
	out/parity-venv/bin/pip install --quiet -r tests/parity/requirements-peft.txt
	$(if $(filter peft-fixtures,$@),out/parity-venv/bin/python tests/parity/write_peft_fixtures.py,\
	  node tests/dist/parity/export-peft-cases.js out/peft-cases && out/parity-venv/bin/python tests/parity/check_peft_exports.py out/peft-cases)

# Compares with PyTorch at base size (about 5 minutes): import, features in both precisions, memory.
parity-base: setup
	test -x out/parity-venv/bin/python || $(MAKE) parity-fixtures
	DATA=$(DATA) out/parity-venv/bin/python tests/parity/base_size.py

# Prints a table and writes out/bench/bench.json: the engine, PCA, serving and a pod on base (about 15 minutes).
bench: setup
	node tests/dist/bench/main.js --data $(DATA) $(BENCH_FLAGS)

# The same side by side with PyTorch and scikit-learn, in out/bench/pytorch.json (about 25 minutes).
bench-pytorch: setup
	test -x out/parity-venv/bin/python || $(MAKE) parity-fixtures
	node tests/dist/bench/main.js --data $(DATA) --pytorch out/parity-venv/bin/python $(BENCH_FLAGS)

# Compares base's forward pass with PyTorch, ONNX Runtime and OpenVINO, in out/bench/peers.json (about 10 minutes).
bench-peers: setup
	test -x out/peers-venv/bin/python || python3 -m venv out/peers-venv
	out/peers-venv/bin/pip install --quiet -r tests/bench/requirements-peers.txt
	node tests/dist/bench/peers.js --python out/peers-venv/bin/python $(BENCH_FLAGS)

# Compares a pod with PyTorch that switches adapters by Hugging Face's PEFT in its own process, in out/bench/peft.json (about 4 minutes).
bench-peft: setup
	test -x out/peft-venv/bin/python || python3 -m venv out/peft-venv
	out/peft-venv/bin/pip install --quiet -r tests/bench/requirements-peft.txt
	node tests/dist/bench/peft.js --python out/peft-venv/bin/python $(BENCH_FLAGS)

# Waiting times of users of one pod under load, in out/bench/load.json (about 3 minutes).
load: setup
	node tests/dist/bench/load.js $(BENCH_FLAGS)

# 1 to 4 pods, a pod that stops under load, and rising load from ghz, in out/bench/pods.json (about 3 minutes).
bench-pods: setup
	node tests/dist/bench/pods.js $(BENCH_FLAGS)

# One trace through a client, NATS and two pods, as out/bench/trace.svg (under a minute).
trace-picture: setup
	node tests/dist/bench/trace.js

# The alert rules by Prometheus's promtool, which has to be on the PATH (Debian: apt-get install prometheus).
check-alerts:
	cd deploy/prometheus && promtool check rules alerts.yaml && promtool test rules alerts.test.yaml

# 100,000 adapters and 200 simulated pods on one nats-server, in out/bench/scaling.json (about 15 minutes, 12 GB of memory).
bench-scaling: setup
	node tests/dist/bench/scaling.js $(BENCH_FLAGS)

# One pod for 38 minutes with a new version bound each second, in out/bench/soak.json and docs/soak.svg.
soak: setup
	node tests/dist/bench/soak.js $(BENCH_FLAGS)

# The Python client as wheel and source distribution, in out/python.
python-client:
	test -x out/python-venv/bin/python || python3 -m venv out/python-venv
	out/python-venv/bin/pip install --quiet build==1.6.1
	out/python-venv/bin/python -m build --outdir out/python clients/python

# All that a release consists of, in out/release: npm package, wheel, chart, image, bill of materials, notes, checksums. It publishes nothing.
# IMAGES=no leaves the image out.
release: setup python-client
	node deploy/dist/release/main.js out/release $(if $(filter no,$(IMAGES)),--no-images)

# Writes the version of package.json wherever a version stands.
versions: build
	node deploy/dist/release/versions.js
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean:
	rm -rf out $(CACHE) proto/generated clients/console/generated clients/python/src/hyperswap/v1
	find shared services clients proto deploy docs tests -name dist -not -path '*/node_modules/*' -prune -exec rm -rf {} +
