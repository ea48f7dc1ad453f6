"""Verifies the DKIM signatures of messages with dkimpy, without the network.

Usage: dkim_verify.py KEYS FOLDER. KEYS has a line `selector record` for each public key; FOLDER holds NUMBER.eml.
Prints for each message the number of its signatures and whether each one is valid.
"""

import pathlib
import sys

import dkim


def main(keys, folder):
    records = {}
    for line in pathlib.Path(keys).read_text().splitlines():
        selector, record = line.split(" ", 1)
        records[f"{selector}._domainkey.example.com.".encode()] = record.encode()

    def lookup(name, timeout=5):
        return records.get(name)

    for path in sorted(pathlib.Path(folder).glob("*.eml")):
        raw = path.read_bytes()
        count = sum(line.lower().startswith(b"dkim-signature:") for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n"))
        verdicts = []
        for index in range(count):
            try:
                verdicts.append(str(dkim.DKIM(raw).verify(idx=index, dnsfunc=lookup)))
            except dkim.DKIMException as error:
                print(f"{path.name}: {error}", file=sys.stderr)
                verdicts.append("False")
        print(count, *verdicts)


main(*sys.argv[1:])
