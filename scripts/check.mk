# What is checked without running a program.

C_FILES = $(shell find core api server tests -name '*.[ch]')
HEADERS = $(shell find core api server -name '*.h')

format: ## lay out all C files by .clang-format
	@clang-format -i $(C_FILES)

check: ## layout, arrows, names, headers, scripts, warnings of gcc and clang
	@scripts/deps.sh build test check
	@$(SUBMAKE) -k check-run
check-run: check-format check-text check-scripts check-arrows check-headers check-symbols check-gcc check-clang
	@echo "  all checks passed"

check-format:
	@echo "  CHECK  layout"
	@clang-format --dry-run -Werror $(C_FILES)

check-text:
	@echo "  CHECK  text"
	@scripts/check-text.sh

check-scripts:
	@echo "  CHECK  scripts"
	@shellcheck .ci/run $(shell find scripts tests -name '*.sh')

check-arrows:
	@echo "  CHECK  arrows"
	@scripts/check-arrows.sh

# Each header must compile alone. Kernel headers are compiled as the baseline's.
check-headers: $(HEADERS:%=$(BUILD)/headers/%.ok)
$(BUILD)/headers/%.h.ok: %.h $(BUILD)/isa.inc
	@mkdir -p $(@D)
	@echo "  CHECK  $<"
	$(Q)printf '#include "$<"\nextern int up_not_empty;\n' | $(COMPILE) -Werror -DUP_ISA=baseline -DUP_LANES=4 -MF $@.d -MT $@ \
		-Wno-unused-function -fsyntax-only -x c -
	@touch $@

check-symbols: $(LIBRARY_OBJECTS)
	@echo "  CHECK  symbols"
	@scripts/check-symbols.sh $(BUILD)

check-gcc check-clang: check-%:
	@$(MAKE) --no-print-directory CC=$* WERROR=1 BUILD=build/check-$* MODE=release all test-binaries bench-binaries

lint: ## clang-tidy over the project's own sources
	@scripts/deps.sh build check
	@$(SUBMAKE) lint-run
lint-run: $(patsubst %.c,$(BUILD)/lint/%.ok,$(CORE_SOURCES) $(API_SOURCES) $(wildcard server/*.c))
lint-run: $(KERNEL_SOURCES:%.c=$(BUILD)/lint/%.ok)
$(BUILD)/lint/%.ok: %.c .clang-tidy $(BUILD)/isa.inc
	@mkdir -p $(@D)
	@echo "  LINT  $<"
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c11 -D_POSIX_C_SOURCE=200809L -I. \
		-I$(BUILD) $(TEXT_CFLAGS) -DUP_ISA=baseline -DUP_LANES=4 2>/dev/null
	@touch $@

.PHONY: format check check-run check-format check-text check-scripts check-arrows check-headers \
	check-symbols check-gcc check-clang lint lint-run
