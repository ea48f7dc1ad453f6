"""Postfix's load generator, as a reference: it composes nothing. ``PORT N SIZE CONNECTIONS``."""

import os
import resource
import shutil
import subprocess
import sys
import time

port, count, size, connections = sys.argv[1:5]
program = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/postfix/sbin")
if not program:
    sys.exit("smtp-source is missing; it is part of the package postfix")
started = time.perf_counter()
work = ["-s", connections, "-m", count, "-l", size, "-d", "-4", f"127.0.0.1:{port}"]
subprocess.run([program, *work], check=True)
wall = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"sent={count} wall={wall:.6f} cpu={used.ru_utime + used.ru_stime:.6f} peak_kb={used.ru_maxrss}")
