"""The same with asyncio, eight messages at a time; each hundredth task is cancelled."""

import asyncio
import os
import sys
from pathlib import Path

from freesmtp import SMTP, EmailMessage

AT_ONCE = 8


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def main() -> None:
    sends = int(sys.argv[2])
    with SMTP(sys.argv[1]) as smtp:
        for number in range(0, sends, AT_ONCE):
            letters = [
                EmailMessage("c@d.test", "a@b.test", f"Number {number + at}", "text")
                for at in range(min(AT_ONCE, sends - number))
            ]
            for report in await asyncio.gather(*(smtp.send_async(letter) for letter in letters)):
                assert report.reply_code == 250
            if number // AT_ONCE % 100 == 0:
                task = asyncio.ensure_future(smtp.send_async(letters[0]))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            if number <= sends // 10 < number + AT_ONCE:
                print(resident())
        print(resident())


asyncio.run(main())
