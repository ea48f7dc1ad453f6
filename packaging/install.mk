# Installs the command and the agent's service:
#
#   cargo build --release -p freesmtp-agent
#   make -f packaging/install.mk install PREFIX=/usr/local [DESTDIR=…] [UNITDIR=…] [FREESMTP_BIN=target/release]
#
# To be run from the top of the project. The service is not started: docs/operations.md says how.

PREFIX ?= /usr/local
DESTDIR ?=
FREESMTP_BIN ?= $(or $(CARGO_TARGET_DIR),target)/release
UNITDIR ?= $(PREFIX)/lib/systemd/system
INSTALL ?= install

.PHONY: install uninstall

install:
	@test -f $(FREESMTP_BIN)/freesmtp || { echo "$(FREESMTP_BIN)/freesmtp is missing: run cargo build --release -p freesmtp-agent" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	$(INSTALL) -m 755 $(FREESMTP_BIN)/freesmtp $(DESTDIR)$(PREFIX)/bin/freesmtp
	sed -e 's|@PREFIX@|$(PREFIX)|g' packaging/freesmtp-agent.service.in > $(DESTDIR)$(UNITDIR)/freesmtp-agent.service
	$(INSTALL) -m 644 packaging/freesmtp.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/freesmtp.conf
	$(INSTALL) -m 644 packaging/freesmtp.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/freesmtp.conf

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/freesmtp $(DESTDIR)$(UNITDIR)/freesmtp-agent.service
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/freesmtp.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/freesmtp.conf
