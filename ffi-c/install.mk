# Installs the C and C++ library:
#
#   cargo build --release -p freesmtp-ffi
#   make -f ffi-c/install.mk install PREFIX=/usr/local [DESTDIR=…] [LIBDIR=…] [FREESMTP_LIB=target/release]
#
# To be run from the top of the project. Nothing is built here, so that `sudo make install` compiles nothing as root.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
DESTDIR ?=
FREESMTP_LIB ?= $(or $(CARGO_TARGET_DIR),target)/release
INSTALL ?= install

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The number of the SONAME; build.rs gives it to the library.
ABI = 0

ifeq ($(shell uname -s),Darwin)
SONAME = libfreesmtp.$(ABI).dylib
SHARED_FILE = libfreesmtp.$(VERSION).dylib
PLAIN = libfreesmtp.dylib
PRIVATE_LIBS = -framework Security -framework CoreFoundation
else
SONAME = libfreesmtp.so.$(ABI)
SHARED_FILE = libfreesmtp.so.$(VERSION)
PLAIN = libfreesmtp.so
# What `cargo rustc -p freesmtp-ffi --crate-type staticlib -- --print native-static-libs` says.
PRIVATE_LIBS = -lssl -lcrypto -lpthread -lm -ldl
endif

# From LIBDIR/cmake/freesmtp up to PREFIX; the same number of steps for lib, lib64 and lib/<triplet>.
UP_TO_PREFIX = ../..$(shell printf '%s' '$(patsubst $(PREFIX)/%,%,$(LIBDIR))' | sed 's|[^/][^/]*|..|g; s|^|/|')

FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
	-e 's|@PRIVATE_LIBS@|$(PRIVATE_LIBS)|g' -e 's|@SHARED_FILE@|$(SHARED_FILE)|g' \
	-e 's|@SONAME@|$(SONAME)|g' -e 's|@UP_TO_PREFIX@|$(UP_TO_PREFIX)|g'
TO_LIB = $(DESTDIR)$(LIBDIR)
TO_INCLUDE = $(DESTDIR)$(INCLUDEDIR)
TO_CMAKE = $(TO_LIB)/cmake/freesmtp

.PHONY: install uninstall

install:
	@test -f $(FREESMTP_LIB)/$(PLAIN) || { echo "$(FREESMTP_LIB)/$(PLAIN) is missing: run cargo build --release -p freesmtp-ffi" >&2; exit 1; }
	$(INSTALL) -d $(TO_LIB)/pkgconfig $(TO_CMAKE) $(TO_INCLUDE)/freesmtp
	$(INSTALL) -m 755 $(FREESMTP_LIB)/$(PLAIN) $(TO_LIB)/$(SHARED_FILE)
	ln -sf $(SHARED_FILE) $(TO_LIB)/$(SONAME)
	ln -sf $(SONAME) $(TO_LIB)/$(PLAIN)
	$(INSTALL) -m 644 $(FREESMTP_LIB)/libfreesmtp.a $(TO_LIB)
	$(INSTALL) -m 644 include/freesmtp.h include/freesmtp.hpp $(TO_INCLUDE)
	$(INSTALL) -m 644 include/freesmtp/*.hpp $(TO_INCLUDE)/freesmtp
	$(FILL) ffi-c/install/freesmtp.pc.in > $(TO_LIB)/pkgconfig/freesmtp.pc
	$(FILL) ffi-c/install/freesmtpConfig.cmake.in > $(TO_CMAKE)/freesmtpConfig.cmake
	$(FILL) ffi-c/install/freesmtpConfigVersion.cmake.in > $(TO_CMAKE)/freesmtpConfigVersion.cmake
ifeq ($(shell uname -s),Darwin)
	install_name_tool -id $(LIBDIR)/$(SONAME) $(TO_LIB)/$(SHARED_FILE)
endif

uninstall:
	rm -f $(TO_LIB)/$(PLAIN) $(TO_LIB)/$(SONAME) $(TO_LIB)/$(SHARED_FILE) $(TO_LIB)/libfreesmtp.a
	rm -f $(TO_INCLUDE)/freesmtp.h $(TO_INCLUDE)/freesmtp.hpp $(TO_LIB)/pkgconfig/freesmtp.pc
	rm -rf $(TO_INCLUDE)/freesmtp $(TO_CMAKE)
