# upsampled: every entry point of the project. `make help` lists them.
#
# MODE is release, debug, asan (address and undefined behaviour), tsan, coverage or fuzz; each
# builds in its own folder. CC=clang works as well as gcc. V=1 shows the commands, WERROR=1 makes
# warnings errors. CFLAGS and LDFLAGS add to what is here.

MODE ?= release
BUILD := build/$(MODE)
Q := $(if $(filter 1,$(V)),,@)

ifeq ($(filter $(MODE),release debug asan tsan coverage fuzz),)
$(error MODE is one of release debug asan tsan coverage fuzz, not '$(MODE)')
endif

# --- Compiler -----------------------------------------------------------------------------------

MODE_CFLAGS_release := -O2 -g -DNDEBUG -fstack-protector-strong -D_FORTIFY_SOURCE=2
MODE_CFLAGS_debug := -O0 -g3
MODE_CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
MODE_CFLAGS_tsan := -O1 -g -fsanitize=thread
MODE_CFLAGS_coverage := -O0 -g --coverage
MODE_CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
MODE_LDFLAGS_release := -Wl,-z,relro,-z,now
MODE_LDFLAGS_asan := -fsanitize=address,undefined
MODE_LDFLAGS_tsan := -fsanitize=thread
MODE_LDFLAGS_coverage := --coverage
MODE_LDFLAGS_fuzz := -fsanitize=address,undefined

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla -Wwrite-strings -Wformat=2 $(if $(filter 1,$(WERROR)),-Werror)

# Seeded numbers must not fuse multiply and add: only kernels may, by their own flags.
COMPILE := $(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -I. -I$(BUILD) -fPIE -pthread -ffp-contract=off \
	$(WARNINGS) $(MODE_CFLAGS_$(MODE)) $(CFLAGS) -MMD -MP
LINK := $(CC) -pie -pthread $(MODE_LDFLAGS_$(MODE)) $(LDFLAGS)
LIBS := $(shell pkg-config --libs libmicrohttpd jansson libpng libdeflate freetype2 2>/dev/null) -lm

# The figures' text is drawn by FreeType with this font, which becomes a part of the binary.
FONT := /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
TEXT_CFLAGS := $(shell pkg-config --cflags freetype2 2>/dev/null) -DUP_FONT_FILE='"$(FONT)"'

VERSION := 1.0.0
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# --- Instruction sets: name : lanes : compiler flags : CPU features, best first -------------------

ISAS_x86_64 := avx512:16:-mavx512f_-mavx512vl_-mavx512dq_-mavx512bw_-mfma_-mprefer-vector-width=512:avx512f_avx512vl_avx512dq_avx512bw_fma \
	avx2:8:-mavx2_-mfma:avx2_fma baseline:4::
ISAS_aarch64 := neon:4::
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
ISAS := $(or $(ISAS_$(ARCH)),baseline:4::)

isa_name = $(firstword $(subst :, ,$(1)))
isa_lanes = $(word 2,$(subst :, ,$(1)))
isa_flags = $(filter -m%,$(subst _, ,$(subst :, ,$(1))))
isa_cpu = $(if $(filter 4,$(words $(subst :, ,$(1)))),$(subst _, ,$(word 4,$(subst :, ,$(1)))))

# --- Sources --------------------------------------------------------------------------------------

KERNEL_SOURCES := $(filter-out core/kernels/dispatch.c,$(wildcard core/kernels/*.c))
CORE_SOURCES := $(wildcard core/*.c core/gather/*.c core/layers/*.c core/plan/*.c) core/kernels/dispatch.c
API_SOURCES := $(wildcard api/*.c api/codec/*.c api/figure/*.c)
SERVER_SOURCES := $(filter-out server/main.c,$(wildcard server/*.c))

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
KERNEL_OBJECTS := $(foreach isa,$(ISAS),$(patsubst core/kernels/%.c,$(BUILD)/core/kernels/$(call isa_name,$(isa))/%.o,$(KERNEL_SOURCES)))
CORE_OBJECTS := $(call objects,$(CORE_SOURCES)) $(KERNEL_OBJECTS)
LIBRARY_OBJECTS := $(CORE_OBJECTS) $(call objects,$(API_SOURCES)) $(call objects,$(SERVER_SOURCES))
BINARY := $(BUILD)/upsampled

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BINARY) ## build build/release/upsampled (MODE=debug, asan, tsan, coverage: elsewhere)

$(BINARY): $(LIBRARY_OBJECTS) $(BUILD)/server/main.o
	@echo "  LD  $@"
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(COMPILE) -c -o $@ $<

# What single objects need beyond the rule.
$(BUILD)/api/figure/text.o: COMPILE += $(TEXT_CFLAGS)
$(BUILD)/api/figure/text.o: $(wildcard $(FONT))
$(BUILD)/server/assets.o: $(wildcard server/playground/*)
$(BUILD)/api/operations.o $(BUILD)/server/main.o: COMPILE += -include $(BUILD)/version.inc
$(BUILD)/api/operations.o $(BUILD)/server/main.o: $(BUILD)/version.inc

# One object per kernel source and instruction set; the kernels alone may contract to FMA.
define isa_rule
$(BUILD)/core/kernels/$(call isa_name,$(1))/%.o: core/kernels/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	@echo "  CC  $$< ($(call isa_name,$(1)))"
	$(Q)$(COMPILE) -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math $(call isa_flags,$(1)) \
		-DUP_ISA=$(call isa_name,$(1)) -DUP_LANES=$(call isa_lanes,$(1)) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

# The rows of the dispatch table: ISA(avx2, __builtin_cpu_supports("avx2") && ... && 1)
$(BUILD)/isa.inc: Makefile
	@mkdir -p $(@D)
	$(Q){ $(foreach isa,$(ISAS),echo 'ISA($(call isa_name,$(isa)), $(foreach cpu,$(call isa_cpu,$(isa)),__builtin_cpu_supports("$(cpu)") &&) 1)';) true; } > $@
$(BUILD)/core/kernels/dispatch.o: $(BUILD)/isa.inc

# What this build is and how it compiles: files touched only when that changes, so that objects
# follow it.
remember = mkdir -p $(@D) && printf '%b\n' '$(1)' > $@.new && \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FLAGS := $(CC) $(WARNINGS) $(CFLAGS)
$(BUILD)/version.inc: always
	@$(call remember,#define UP_VERSION "$(VERSION)"\n#define UP_COMMIT "$(COMMIT)")
$(BUILD)/flags: always
	@$(call remember,$(FLAGS))

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- Running --------------------------------------------------------------------------------------

# What pkg-config knows is read when make starts, so what follows an installation is another make.
# It builds in parallel unless this one was told how.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

deps: ## install what building needs (Debian, Ubuntu)
	@scripts/deps.sh build
deps-test: ## install what the tests need as well
	@scripts/deps.sh build test

run: deps ## install what is missing, build, serve on http://localhost:8080
	@$(SUBMAKE) all
	@exec $(BINARY)

PREFIX ?= /usr/local
install: all ## install the binary under PREFIX (/usr/local), DESTDIR before it
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/upsampled

ENGINE ?= docker
IMAGE ?= upsampled
image: ## build the container image with ENGINE (docker; podman and buildah work) as IMAGE
	BUILDAH_FORMAT=docker $(ENGINE) build -f docker/Dockerfile --build-arg COMMIT=$(COMMIT) -t $(IMAGE) .

clean: ## remove everything built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all always deps deps-test run install image clean help

include tests/tests.mk
include scripts/check.mk
