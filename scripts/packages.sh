#!/bin/sh
# Installs the Debian packages that build and tests need, or says which are missing.
#   packages.sh build   what `make` needs
#   packages.sh test    what `make test` and `make lint` need besides
#   packages.sh bench   what `make bench` needs besides
#   packages.sh docs    what `make docs` needs besides
# On other systems it names the commands it looked for; nothing is installed there.
set -eu

# package:what shows that it is there (a command, a pkg-config module with pc=, a file with path=)
build="pkg-config:pkg-config libssl-dev:pc=openssl g++:g++ make:make ca-certificates:path=/etc/ssl/certs/ca-certificates.crt"
test="$build valgrind:valgrind cmake:cmake openssl:openssl postfix:path=/usr/sbin/postfix dovecot-core:path=/usr/sbin/dovecot"
# Logging in: Cyrus SASL and its users, certificates instead of passwords, and a client that is none of ours.
sasl=/usr/lib/$(uname -m)-linux-gnu/sasl2
test="$test sasl2-bin:path=/usr/sbin/saslpasswd2 libsasl2-modules:path=$sasl/libscram.so libsasl2-modules-db:path=$sasl/libsasldb.so"
test="$test dovecot-submissiond:path=/usr/lib/dovecot/submission-login gsasl:gsasl dovecot-lmtpd:path=/usr/lib/dovecot/lmtp"
# A client of the sendmail command.
test="$test git-email:path=/usr/lib/git-core/git-send-email libmailtools-perl:path=/usr/share/perl5/Mail/Address.pm"
# The browser that the monitor is looked at in.
test="$test chromium:chromium fonts-dejavu-core:path=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
# Another client, whose programs stand in the documentation beside ours.
test="$test libcurl4-openssl-dev:pc=libcurl"
# What is synced before it is confirmed.
test="$test strace:strace"
docs="$build doxygen:doxygen"
bench="$test"

case "${1:-build}" in
build) wanted=$build ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
docs) wanted=$docs ;;
*) echo "usage: $0 build|test|bench|docs" >&2; exit 2 ;;
esac

there() {
    case "$1" in
    pc=*) pkg-config --exists "${1#pc=}" 2>/dev/null ;;
    path=*) [ -e "${1#path=}" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=""
for entry in $wanted; do
    there "${entry#*:}" || missing="$missing ${entry%%:*}"
done
# venv is part of Python's own sources and a package of its own on Debian.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    # The servers are started by the tests themselves, on loopback: never by the package.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    # shellcheck disable=SC2086 # the list is meant to be split
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "These packages are missing:$missing" >&2
    echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
