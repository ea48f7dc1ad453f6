//! Calls whose texts are arguments: `QuickSend`, those of a merge, `Diagnose` and `Explain`.

use std::{collections::BTreeMap, mem::take};

use freesmtp_core::{
    EmailMessage, Smtp,
    diagnosis::{Context, diagnose, explain},
    message::{BodyPartFormat, merge::Template},
    types::{Reply, Stage},
};
use serde_json::Value;

use crate::{answer, session::Failed};

/// The texts that wait for the line that makes the call.
#[derive(Default)]
pub(crate) struct Calls {
    kept: BTreeMap<String, String>,
    row: BTreeMap<String, String>,
}

impl Calls {
    /// Whether the key is one of these calls, or a text for one.
    pub(crate) fn has(key: &str) -> bool {
        let calls = ["quicksend", "sendmerge", "submitmerge", "diagnose", "explain"];
        calls.contains(&key) || ["quick.", "row.", "diagnose."].iter().any(|group| key.starts_with(group))
    }

    /// Does what the line says, on the objects of the job.
    pub(crate) fn carry_out(
        &mut self,
        smtp: &Smtp,
        message: &EmailMessage,
        key: &str,
        value: &str,
    ) -> Result<Vec<Value>, Failed> {
        match key {
            "row.value" => {
                let name = self.take("row.name");
                self.row.insert(name, value.to_owned());
                Ok(Vec::new())
            }
            "quicksend" => {
                let [server, from, subject, body] =
                    ["quick.server", "quick.from", "quick.subject", "quick.body"].map(|key| self.take(key));
                let report = Smtp::quick_send(&server, value, &from, &subject, &body, BodyPartFormat::Plain)?;
                Ok(vec![answer::success(1, &report)])
            }
            "sendmerge" => {
                let template = Template::new(message)?;
                let results: Vec<_> = smtp.send_bulk_merge(&template, [take(&mut self.row)]).collect();
                Ok(results.iter().map(answer::sent).collect())
            }
            "submitmerge" => {
                let template = Template::new(message)?;
                Ok(vec![answer::submitted(key, &smtp.submit_bulk_merge(&template, [take(&mut self.row)])?)])
            }
            "diagnose" => self.diagnose(value).map(|answer| vec![answer]),
            "explain" => {
                let found = explain(value);
                let told: Vec<String> =
                    found.iter().flat_map(|found| answer::diagnosed(&found.diagnosis)).collect();
                Ok(vec![answer::told(key, &told)])
            }
            _ => {
                self.kept.insert(key.to_owned(), value.to_owned());
                Ok(Vec::new())
            }
        }
    }

    fn diagnose(&mut self, reply: &str) -> Result<Value, Failed> {
        let parsed = Reply::parse(reply);
        let [stage, host, offered, account, sender, recipient] =
            ["stage", "host", "offered", "account", "sender", "recipient"]
                .map(|name| self.take(&format!("diagnose.{name}")));
        let offered: Vec<String> = known(&offered).map(str::to_owned).into_iter().collect();
        let stage = known(&stage).map(str::parse::<Stage>).transpose();
        let diagnosis = diagnose(&Context {
            stage: stage.map_err(|()| Failed::Job("no such stage".to_owned()))?,
            reply: parsed.as_ref(),
            detail: if parsed.is_none() { reply } else { "" },
            host: &host,
            offered: &offered,
            user: known(&account),
            sender: known(&sender),
            recipient: known(&recipient),
            ..Context::default()
        });
        Ok(answer::told("diagnose", &answer::diagnosed(&diagnosis)))
    }

    fn take(&mut self, key: &str) -> String {
        self.kept.remove(key).unwrap_or_default()
    }
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
