"""freesmtp from Python with asyncio, one task for each connection."""

import asyncio

from freesmtp import SMTP, EmailMessage
from meter import Meter, Work

work = Work()


async def send(smtp: SMTP, connection: int) -> None:
    for i in work.share(connection):
        message = EmailMessage(f"r{i}@example.test", "sender@example.test", f"Message {i}", work.text)
        if work.attachment:
            message.attachments.add(work.attachment)
        await smtp.send_async(message)


async def main() -> None:
    async with SMTP(f"127.0.0.1:{work.port}") as smtp:
        await asyncio.gather(*(send(smtp, i) for i in range(work.connections)))


meter = Meter()
asyncio.run(main())
meter.report(work.count)
