# Sluice: short words for long commands. Every target installs what it needs itself (Debian packages, by apt).
BUILD ?= build
SANITIZED ?= build-sanitized
JOBS ?= $(shell nproc)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# Libraries and the compiler: what `make build` and `make demo` need.
PACKAGES_BUILD := gcc libc6-dev meson ninja-build pkg-config git libuv1-dev libssl-dev libcurl4-openssl-dev \
	libyaml-dev libsqlite3-dev zlib1g-dev libcmocka-dev openssl python3 nodejs npm
# Checkers and peers: what `make check` needs on top.
PACKAGES_CHECK := clang clang-format clang-tidy cppcheck binutils prometheus node-llhttp curl \
	python3-prometheus-client zsh fish groff-base chromium tmux
PACKAGES_LONG := libclang-rt-14-dev valgrind gcovr
PACKAGES_BENCH := haproxy nginx-light wrk python3 util-linux

.PHONY: build mutate demo check check-long quality quality-full bench format clean help deps-build deps-check deps-long deps-bench

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

build: deps-build ## build/sluice, installing the libraries it needs
	@tools/configure $(BUILD) --buildtype=release
	@ninja -C $(BUILD) -j $(JOBS) sluice
	@tools/sbom $(BUILD)/sluice >$(BUILD)/sluice.cdx.json

mutate: deps-build deps-long ## 200 generated mutants of core, traffic and reconcile: 85 % must be caught; goes on where it was stopped
	@tools/mutants --count 200 --floor 85

demo: build ## the main job in under three minutes: two models on emulated engines, a burst, calm, a burst
	@tools/demo $(BUILD)/sluice

check: deps-build deps-check ## every test of every change (at most 10 minutes on 2 cores)
	@tools/check $(BUILD) $(SANITIZED)

quality: build ## policies against tuned baselines on the recorded traces (about 25 minutes on 2 free cores; goes on where it was broken off)
	@tools/quality $(BUILD)/sluice standard quality

quality-full: build ## the same with every scale and five seeds: hours
	@tools/quality $(BUILD)/sluice full quality-full

check-long: deps-build deps-check deps-long ## soak, chaos, mutants, fuzzing, valgrind, TSan: hours
	@tools/check-long

bench: deps-build deps-bench ## the budgets of the design beside their peers, in one run
	@tools/configure $(BUILD) --buildtype=release
	@ninja -C $(BUILD) -j $(JOBS)
	@tools/bench $(BUILD)

format: ## clang-format on everything
	@tools/check-format --fix

clean: ## remove what was built
	rm -rf $(BUILD) $(SANITIZED)

deps-build:
	@tools/install $(PACKAGES_BUILD)
	@tools/install-web
deps-check:
	@tools/install $(PACKAGES_CHECK)
	@tools/install-clients
deps-long:
	@tools/install $(PACKAGES_LONG)
deps-bench:
	@tools/install $(PACKAGES_BENCH)
