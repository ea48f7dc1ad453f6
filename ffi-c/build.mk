# Builds what stands on the C library: the drivers of the test suite and the examples.
#
#   make -f ffi-c/build.mk [FREESMTP_LIB=target/debug] drivers examples
#
# To be run from the top of the project, or included there, after `cargo build -p freesmtp-ffi`.

FREESMTP_LIB ?= $(or $(CARGO_TARGET_DIR),target)/debug
CFLAGS ?= -O1 -g
CXXFLAGS ?= -O1 -g
C_STRICT = -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Werror
CXX_STRICT = -std=c++17 -Wall -Wextra -Wpedantic -Wshadow -Werror
FREESMTP_LINK = -L$(FREESMTP_LIB) -lfreesmtp -Wl,-rpath,$(abspath $(FREESMTP_LIB))
FREESMTP_HEADERS = $(wildcard include/*.h include/*.hpp include/freesmtp/*.hpp)

C_EXAMPLES = $(patsubst examples/c/%.c,build/examples/c-%,$(wildcard examples/c/*.c))
CXX_EXAMPLES = $(patsubst examples/cpp/%.cpp,build/examples/cpp-%,$(wildcard examples/cpp/*.cpp))

.PHONY: drivers examples soname

drivers: build/tests/driver-c build/tests/driver-cpp
examples: $(C_EXAMPLES) $(CXX_EXAMPLES)

# Programs ask for the SONAME, and cargo makes only the plain name.
soname:
	ln -sf libfreesmtp.so $(FREESMTP_LIB)/libfreesmtp.so.0

build/tests/driver-c: tests/drivers/c/driver.c $(wildcard tests/drivers/c/*.h) $(FREESMTP_HEADERS) | soname
	@mkdir -p $(@D)
	$(CC) $(C_STRICT) $(CFLAGS) -pthread -Iinclude $< -o $@ $(FREESMTP_LINK)

build/tests/driver-cpp: tests/drivers/cpp/driver.cpp $(wildcard tests/drivers/cpp/*.hpp) $(FREESMTP_HEADERS) | soname
	@mkdir -p $(@D)
	$(CXX) $(CXX_STRICT) $(CXXFLAGS) -pthread -Iinclude $< -o $@ $(FREESMTP_LINK)

build/examples/c-%: examples/c/%.c $(FREESMTP_HEADERS) | soname
	@mkdir -p $(@D)
	$(CC) $(C_STRICT) $(CFLAGS) -Iinclude $< -o $@ $(FREESMTP_LINK)

build/examples/cpp-%: examples/cpp/%.cpp $(FREESMTP_HEADERS) | soname
	@mkdir -p $(@D)
	$(CXX) $(CXX_STRICT) $(CXXFLAGS) -Iinclude $< -o $@ $(FREESMTP_LINK)
