//! Where policies are kept: in memory, and in a file that outlives the agent.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::policy::Policy;

/// More policies than this are not kept; those that run out first make room.
const MOST: usize = 10_000;

/// A policy, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// As the record announced it.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) fetched: u64,
    pub(super) policy: Arc<Policy>,
}

impl Kept {
    fn end(&self) -> u64 {
        self.fetched.saturating_add(self.policy.max_age.as_secs())
    }
}

#[derive(Debug, Default)]
pub(super) struct Keep {
    path: PathBuf,
    policies: HashMap<String, Kept>,
}

impl Keep {
    /// Reads what an agent before has kept; what can't be read is fetched anew.
    pub(super) fn open(path: &Path, now: u64) -> Self {
        let mut keep = Self { path: path.to_owned(), policies: HashMap::new() };
        let text = fs::read_to_string(path).unwrap_or_default();
        let saved: Value = serde_json::from_str(&text).unwrap_or_default();
        for (domain, row) in saved.as_object().into_iter().flatten() {
            let read = || {
                let policy = Policy::parse(row.get("policy")?.as_str()?).ok()?;
                let (id, fetched) = (row.get("id")?.as_str()?.to_owned(), row.get("fetched")?.as_u64()?);
                Some(Kept { id, fetched, policy: Arc::new(policy) })
            };
            // A clock that was wrong must not keep a policy for ever.
            let read = read().filter(|kept| kept.fetched <= now && now < kept.end());
            keep.policies.extend(read.map(|kept| (domain.clone(), kept)));
        }
        keep
    }

    pub(super) fn get(&self, domain: &str, now: u64) -> Option<Kept> {
        self.policies.get(domain).filter(|kept| now < kept.end()).cloned()
    }

    pub(super) fn put(&mut self, domain: &str, kept: Kept, now: u64) {
        if self.policies.len() >= MOST {
            self.policies.retain(|_, kept| now < kept.end());
            let first =
                self.policies.iter().min_by_key(|(_, kept)| kept.end()).map(|(domain, _)| domain.clone());
            if let Some(first) = first.filter(|_| self.policies.len() >= MOST) {
                self.policies.remove(&first);
            }
        }
        self.policies.insert(domain.to_owned(), kept);
        self.save();
    }

    /// Writes the file whole, and puts it in the place of the old one. Without it mail still flows: policies are fetched again.
    fn save(&self) {
        let path = &self.path;
        let rows = self.policies.iter().map(|(domain, kept)| {
            let row = json!({ "id": kept.id, "fetched": kept.fetched, "policy": kept.policy.text() });
            (domain.clone(), row)
        });
        let text = Value::Object(rows.collect()).to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(mut file) = tempfile::NamedTempFile::new_in(folder) else { return };
        if file.write_all(text.as_bytes()).is_ok() {
            drop(file.persist(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(fetched: u64, max_age: u64) -> Kept {
        let text = format!("version: STSv1\nmode: enforce\nmax_age: {max_age}\nmx: mx.example\n");
        Kept { id: "1".to_owned(), fetched, policy: Arc::new(Policy::parse(&text).unwrap()) }
    }

    #[test]
    fn policies_outlive_the_agent_and_end_in_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policies.json");
        let mut keep = Keep::open(&path, 1000);
        keep.put("a.example", kept(1000, 50), 1000);
        keep.put("b.example", kept(1000, 500), 1000);
        assert!(keep.get("a.example", 1049).is_some() && keep.get("a.example", 1050).is_none());
        let again = Keep::open(&path, 1100);
        assert!(again.get("a.example", 1000).is_none(), "it had ended");
        let b = again.get("b.example", 1100).unwrap();
        assert_eq!((b.id.as_str(), b.fetched, b.policy.names("mx.example")), ("1", 1000, true));
        assert!(Keep::open(&path, 999).get("b.example", 1100).is_none(), "fetched in the future");
    }

    #[test]
    fn a_file_that_is_none_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policies.json");
        fs::write(&path, "{\"a.example\": {\"id\": 1}, \"b").unwrap();
        let mut keep = Keep::open(&path, 0);
        assert!(keep.policies.is_empty());
        keep.put("a.example", kept(0, 5), 0);
        assert!(Keep::open(&path, 1).get("a.example", 1).is_some());
    }
}
