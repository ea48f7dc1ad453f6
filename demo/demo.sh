#!/bin/sh
# The main job, end to end: one message with an attachment from every language to a capture server on this machine,
# the log of the conversation, what arrived; then a server that refuses, and why; then a blast of 10,000 messages through
# the spool and the agent.
#
# `make demo` builds everything and runs this. DEMO_LANGUAGES limits the languages; FREESMTP_PROFILE names the cargo
# profile folder (debug), CARGO_TARGET_DIR is respected.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
built=${CARGO_TARGET_DIR:-$root/target}/${FREESMTP_PROFILE:-debug}
freesmtp=$built/freesmtp
python=$root/.venv/bin/python
languages=${DEMO_LANGUAGES:-rust c cpp python node}

work=$(mktemp -d)
servers=
stop() {
    status=$?
    trap - EXIT
    for pid in $servers; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf -- "$work"
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
title() { printf '\n%s%s%s\n\n' "$bold" "$1" "$plain"; }
indent() { sed 's/^\(.\)/    \1/'; }

# Starts a capture server with these options, on any free port of loopback; its address is in $address.
serve() {
    mkfifo "$work/ready"
    "$freesmtp" sink --port 0 "$@" >"$work/ready" &
    servers="$servers $!"
    read -r line <"$work/ready" || { echo "the capture server did not start" >&2; exit 1; }
    rm "$work/ready"
    address=${line#listening on }
}

# How people write a language.
name() {
    case $1 in
        rust) echo Rust ;;
        c) echo C ;;
        cpp) echo C++ ;;
        python) echo Python ;;
        node) echo Node ;;
        *) echo "$1" ;;
    esac
}

# The example `attachments` of a language. In every language: SERVER ATTACHMENT IMAGE LOGFILE.
attachments() {
    language=$1
    shift
    case $language in
        rust) "$built/attachments" "$@" ;;
        c | cpp) "$root/build/examples/$language-attachments" "$@" ;;
        python) "$python" "$root/examples/python/attachments.py" "$@" ;;
        node) node "$root/examples/node/attachments.mjs" "$@" ;;
        *) echo "no such language: $language" >&2; return 2 ;;
    esac
}

table="$work/Größen und Anzahl.csv"
printf 'Größe;Anzahl\r\n' >"$table"
i=0
while [ $i -lt 500 ]; do
    i=$((i + 1))
    printf '%d;%d\r\n' $i $((i * i)) >>"$table"
done

title 'A capture server on this machine'
serve --quiet --dir "$work/mail"
server=$address
printf '    freesmtp sink --port 0 --dir mail\n    listening on %s\n' "$server"

title 'One message with an attachment and an inline image, from each language'
for language in $languages; do
    mkdir "$work/$language"
    printf '    %-8s' "$(name "$language")"
    # Each in a folder of its own, so that no log is taken for another's.
    (cd "$work/$language" && attachments "$language" "$server" "$table" "$root/demo/envelope.png" "smtp log.txt")
done

title 'What their LogFile shows'
first=${languages%% *}
indent <"$work/$first/smtp log.txt"
echo
for language in $languages; do
    [ -s "$work/$language/smtp log.txt" ] || { echo "$language wrote no log" >&2; exit 1; }
    printf '    %-8s%s lines\n' "$(name "$language")" "$(grep -c '' "$work/$language/smtp log.txt")"
done

title "What arrived, read by Python's email package"
status=0
set --
for language in $languages; do set -- "$@" "$(name "$language")"; done
"$python" "$root/demo/arrived.py" "$work/mail" "$table" "$root/demo/envelope.png" "$@" >"$work/arrived" || status=$?
indent <"$work/arrived"
[ $status -eq 0 ] || { echo "something did not arrive" >&2; exit 1; }

title 'A server that does not relay, and why'
serve --quiet --dir "$work/refused" --deny-relay --user someone --password something
printf '    echo Hello | freesmtp send --server %s \\\n' "$address"
printf '        --from sender@domain.example --to recipient@elsewhere.example --subject Hello\n\n'
status=0
echo Hello | "$freesmtp" send --server "$address" --from sender@domain.example --to recipient@elsewhere.example \
    --subject Hello >"$work/refusal" 2>&1 || status=$?
indent <"$work/refusal"
printf '\n    exit status %s\n' "$status"
if [ "$status" -ne 1 ] || ! grep -q 'relay-denied' "$work/refusal"; then
    echo "a refusal with its diagnosis was expected" >&2
    exit 1
fi

title 'A blast of 10,000 messages: into the spool at once, delivered in the background'
serve --quiet --dir "$work/blast" --max-connections 300
spool=$work/spool
printf '    freesmtp agent --server %s --spool spool\n\n' "$address"
"$freesmtp" agent --server "$address" --spool "$spool" --smtp off >"$work/agent.log" 2>&1 &
servers="$servers $!"
"$python" "$root/examples/python/spool.py" 10000 demo "$spool" | indent
printf '    freesmtp blast status demo --watch\n\n'
"$freesmtp" blast status demo --watch --spool "$spool"
arrived=$(find "$work/blast" -name '*.eml' | wc -l)
printf '\n    %s messages arrived\n' "$arrived"
[ "$arrived" -eq 10000 ] || { cat "$work/agent.log" >&2; exit 1; }
