"""Django's mail over one open connection, with the backend that `FREESMTP_BENCH_BACKEND` names."""

import os

import django.conf
from django.core import mail
from meter import Meter, Work

work = Work()
django.conf.settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=work.port, EMAIL_TIMEOUT=60)

# Made before the clock runs: that imports the backend.
backend = mail.get_connection(os.environ["FREESMTP_BENCH_BACKEND"])
meter = Meter()
with backend as connection:
    for i in range(work.count):
        message = mail.EmailMessage(
            f"Message {i}", work.text, "sender@example.test", [f"r{i}@example.test"], connection=connection
        )
        message.send()
meter.report(work.count)
