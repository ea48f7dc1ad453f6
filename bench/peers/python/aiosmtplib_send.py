"""aiosmtplib, one task for each connection."""

import asyncio

import aiosmtplib
from compose import compose
from meter import Meter, Work

work = Work()


async def send(connection: int) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=work.port, start_tls=False) as smtp:
        for i in work.share(connection):
            await smtp.send_message(compose(work, i))


async def main() -> None:
    await asyncio.gather(*(send(i) for i in range(work.connections)))


meter = Meter()
asyncio.run(main())
meter.report(work.count)
