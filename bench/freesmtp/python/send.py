"""freesmtp from Python, one thread for each connection."""

from concurrent.futures import ThreadPoolExecutor

from freesmtp import SMTP, EmailMessage
from meter import Meter, Work

work = Work()


def send(smtp: SMTP, connection: int) -> None:
    for i in work.share(connection):
        message = EmailMessage(f"r{i}@example.test", "sender@example.test", f"Message {i}", work.text)
        if work.attachment:
            message.attachments.add(work.attachment)
        smtp.send(message)


meter = Meter()
smtp = SMTP(f"127.0.0.1:{work.port}")
with ThreadPoolExecutor(work.connections) as pool:
    for done in [pool.submit(send, smtp, i) for i in range(work.connections)]:
        done.result()
smtp.disconnect()
meter.report(work.count)
