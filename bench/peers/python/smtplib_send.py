"""smtplib of the standard library, one thread for each connection."""

import smtplib
from concurrent.futures import ThreadPoolExecutor

from compose import compose
from meter import Meter, Work

work = Work()


def send(connection: int) -> None:
    with smtplib.SMTP("127.0.0.1", work.port) as smtp:
        for i in work.share(connection):
            smtp.send_message(compose(work, i))


meter = Meter()
with ThreadPoolExecutor(work.connections) as pool:
    for done in [pool.submit(send, i) for i in range(work.connections)]:
        done.result()
meter.report(work.count)
