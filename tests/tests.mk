# The tests. A folder of Criterion tests is one binary made of all its *.c, tests/support and the
# whole library; a file of tests/stress is a program of its own, and so is a bench_*.c of tests/bench
# with the folder's other files; a file of tests/fuzz is a libFuzzer target and, with replay.c, a
# program that runs its corpus.

TEST_FOLDERS := $(foreach f,unit kernels property golden http chaos,$(if $(wildcard tests/$f/*.c),$f))
SUPPORT_OBJECTS := $(call objects,$(wildcard tests/support/*.c))
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

CRITERION_TESTS := $(foreach f,$(TEST_FOLDERS),$(BUILD)/tests/test_$f)
STRESS_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/stress/*.c))
REPLAY_TESTS := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/replay_%)
BENCHES := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/bench_*.c))
BENCH_OBJECTS := $(call objects,$(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c)))
FUZZERS := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/fuzz_%)
FUZZ_SECONDS ?= 60

# Criterion cannot start under ThreadSanitizer: there the plain programs are the tests.
ifeq ($(MODE),tsan)
TESTS := -- $(STRESS_TESTS)
else
TESTS := $(CRITERION_TESTS) -- $(STRESS_TESTS) $(REPLAY_TESTS)
endif
test-binaries: $(filter-out --,$(TESTS)) $(BINARY)

TEST_LIBS = $(LIBS) $(shell pkg-config --libs libcurl 2>/dev/null)

$(BUILD)/tests/kernels/test_kernels.o: $(BUILD)/isa.inc

define folder_rule
$(BUILD)/tests/test_$(1): $(call objects,$(wildcard tests/$(1)/*.c)) $(SUPPORT_OBJECTS) $(LIBRARY_OBJECTS)
	@echo "  LD  $$@"
	$(Q)$$(LINK) $$(TEST_LDFLAGS_$(1)) -o $$@ $$^ -lcriterion $$(TEST_LIBS)
endef
$(foreach f,$(TEST_FOLDERS),$(eval $(call folder_rule,$f)))

$(BENCHES): $(BENCH_OBJECTS)
$(STRESS_TESTS) $(BENCHES): $(BUILD)/%: $(BUILD)/%.o $(LIBRARY_OBJECTS)
	@echo "  LD  $@"
	$(Q)$(LINK) -o $@ $^ $(TEST_LIBS)

$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay_%.o $(LIBRARY_OBJECTS)
	@echo "  LD  $@"
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/replay_%.o: tests/fuzz/replay.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -DCORPUS='"tests/fuzz/corpus/$*"' -c -o $@ $<

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIBRARY_OBJECTS)
	@echo "  LD  $@"
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# --- Running --------------------------------------------------------------------------------------

TEST_ENV := ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
	TEST_BINARY=$(BINARY)

test: deps-test ## install what is missing, build and run all tests (MODE=asan, tsan: under it)
	@$(SUBMAKE) test-run
test-run: test-binaries
	@$(TEST_ENV) tests/run.sh $(TESTS)

coverage: deps-test ## run the tests with counters, print the share of lines run in each file
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(SUBMAKE) MODE=coverage test-run
	@scripts/coverage.sh build/coverage

fuzz: ## fuzz each target for FUZZ_SECONDS (60), finds stay in build/fuzz/corpus
	@scripts/deps.sh build fuzz
	@$(SUBMAKE) MODE=fuzz CC=clang fuzz-run
fuzz-run: $(FUZZERS)
	@set -e; for name in $(FUZZ_NAMES); do \
		mkdir -p $(BUILD)/corpus/$$name; echo "  FUZZ  $$name"; \
		$(TEST_ENV) $(BUILD)/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
			-rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$name tests/fuzz/corpus/$$name; \
	done

SEED ?= 1
CASES ?= 5000
ONLY ?=
ALGORITHM ?=
conformance: ## compare CASES (5000) random requests, drawn from SEED (1), with Keras on TensorFlow; ONLY=Conv ALGORITHM=direct
	@scripts/deps.sh build conformance
	@$(SUBMAKE) all
	@tests/conformance/run.sh $(BINARY) --seed $(SEED) --cases $(CASES) \
		$(if $(ONLY),--only $(ONLY)) $(if $(ALGORITHM),--algorithm $(ALGORITHM))

bench-binaries: $(BENCHES)
BENCH ?=
bench: ## measure layers and networks beside other engines; BENCH has options (BENCH=--help), output is Markdown
	@scripts/deps.sh build test conformance >&2
	@$(SUBMAKE) bench-binaries >&2
	@tests/bench/run.sh $(BUILD)/tests/bench/bench_layers $(BENCH)
bench-layers: deps-test ## measure the layers alone, beside what the machine can do
	@$(SUBMAKE) bench-binaries
	@$(BUILD)/tests/bench/bench_layers
LAYERS ?= 500
bench-sweep: deps-test ## measure LAYERS (500) random layers, drawn from SEED (1), and list those that are slow
	@$(SUBMAKE) bench-binaries
	@$(BUILD)/tests/bench/bench_sweep $(LAYERS) $(SEED)
bench-codec: ## measure JSON and PNG beside other libraries, and 100 million numbers' round trip; Markdown
	@scripts/deps.sh build test conformance bench >&2
	@$(SUBMAKE) $(BUILD)/tests/bench/bench_codec >&2
	@tests/bench/codec.sh $(BUILD)/tests/bench/bench_codec $(BENCH)
	@echo && $(BUILD)/tests/bench/bench_codec --round-trip 100000000
bench-http: ## measure the service beside others that have the same layers, and beside bare HTTP; BENCH has options, Markdown
	@scripts/deps.sh build test conformance bench >&2
	@$(SUBMAKE) all $(BUILD)/tests/bench/bench_bare_http >&2
	@tests/bench/services.sh $(BINARY) $(BUILD)/tests/bench/bench_bare_http $(BENCH)

accuracy: deps-test ## print the table of docs/accuracy.md: how far every algorithm is from the sum
	@$(SUBMAKE) accuracy-run
accuracy-run: $(BUILD)/tests/test_property
	@$< --filter 'accuracy/*' >$(BUILD)/accuracy.log 2>&1 || { cat $(BUILD)/accuracy.log; exit 1; }
	@sed -n '/^|/p' $(BUILD)/accuracy.log

# The tests on emulated 64-bit Arm: a make whose compiler, libraries and way to run are that machine's.
# clang compiles it all too, for its warnings.
ARM64 := build/arm64
ARM64_ROOT := $(abspath $(ARM64))/root
ARM64_MAKE = PKG_CONFIG_SYSROOT_DIR=$(ARM64_ROOT) \
	PKG_CONFIG_LIBDIR=$(ARM64_ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig \
	QEMU_LD_PREFIX=$(ARM64_ROOT) QEMU_SET_ENV=LD_PRELOAD=$(abspath $(ARM64))/exec.so \
	ARM64_EMULATOR=$$(command -v qemu-aarch64-static) $(SUBMAKE) WERROR=1
ARM64_GCC := aarch64-linux-gnu-gcc --sysroot=$(ARM64_ROOT)
ARM64_CLANG := clang --target=aarch64-linux-gnu --sysroot=$(ARM64_ROOT)
test-arm64: ## build for 64-bit Arm (gcc, clang), run all tests there, emulated by qemu
	@scripts/deps.sh build arm64
	@tests/arm64/sysroot.sh $(ARM64_ROOT)
	@$(ARM64_MAKE) CC="$(ARM64_CLANG)" BUILD=$(ARM64)/clang all test-binaries
	@$(ARM64_MAKE) CC="$(ARM64_GCC)" BUILD=$(ARM64)/gcc test-arm64-run
test-arm64-run: test-binaries
	@$(CC) -shared -fPIC $(WARNINGS) -o $(ARM64)/exec.so tests/arm64/exec.c
	@$(TEST_ENV) TEST_EMULATOR=$(ARM64_EMULATOR) tests/run.sh $(TESTS)

test-container: ## build the image with buildah, run it with podman, ask it (root)
	@tests/container/test-container.sh
test-fresh: ## a fresh Debian root: `make test` and `make run` there (root)
	@tests/container/fresh-root.sh

# npm installs into a copy, so that nothing it brings is mistaken for the project's own.
test-browser: ## the page in Chromium, through playwright-core from npm
	@scripts/deps.sh build browser
	@$(SUBMAKE) test-browser-run
test-browser-run: $(BINARY)
	@mkdir -p build/browser && cp -R tests/browser/. build/browser
	@cd build/browser && npm install --silent --no-audit --no-fund && \
		TEST_BINARY=$(abspath $(BINARY)) npm test --silent

.PHONY: test-binaries test test-run coverage fuzz fuzz-run conformance bench bench-binaries bench-layers bench-sweep bench-codec bench-http accuracy \
	accuracy-run test-arm64 test-arm64-run test-container test-fresh test-browser test-browser-run
