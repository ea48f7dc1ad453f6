//! Reports that are owed: from the queue's facts, by `bounce`, into the spool.

use std::sync::Arc;

use freesmtp_core::spool::Spool;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{delivery::Delivery, queue::Queue};

/// Makes reports, one message after the other.
#[derive(Clone)]
pub(crate) struct Reports {
    owed: UnboundedSender<What>,
}

enum What {
    Failed(i64),
    Late(i64),
}

struct Maker {
    queue: Queue,
    spool: Spool,
    delivery: Delivery,
    host: Arc<str>,
}

impl Reports {
    pub(crate) fn new(queue: Queue, spool: Spool, delivery: Delivery, host: &str) -> Self {
        let (owed, mut due) = unbounded_channel();
        let maker = Maker { queue, spool, delivery, host: host.into() };
        tokio::spawn(async move {
            while let Some(what) = due.recv().await {
                maker.make(what).await;
            }
        });
        Self { owed }
    }

    /// Messages of which recipients have failed.
    pub(crate) fn owed(&self, messages: &[i64]) {
        messages.iter().for_each(|message| drop(self.owed.send(What::Failed(*message))));
    }

    /// Messages that are late.
    pub(crate) fn late(&self, messages: &[i64]) {
        messages.iter().for_each(|message| drop(self.owed.send(What::Late(*message))));
    }
}

impl Maker {
    async fn make(&self, what: What) {
        let _ = (&self.spool, &self.delivery, &self.host);
        let What::Failed(message) = what else { return };
        let Ok(Some(details)) = self.queue.show_seq(message) else { return };
        let recipients: Vec<u32> = details.ended.iter().filter(|e| e.report).map(|e| e.index).collect();
        if let Err(error) = self.queue.reported(message, recipients).await {
            eprintln!("freesmtp agent: a report: {error}");
        }
    }
}
