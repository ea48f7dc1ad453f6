//! What nobody needs any more, in the spool and in the database: removed, and given back to the disk.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{Queue, QueueError, compact, log, segments};

impl Queue {
    /// Removes segments and bodies of the spool that no live message needs, after a synced checkpoint, or with a synced log
    /// where the disk is full. Gives the number of files.
    ///
    /// # Errors
    /// When the database or a file fails; what was removed stays removed.
    pub async fn remove_waste(&self, spool: &Path) -> Result<usize, QueueError> {
        let removed = self.remove_own_waste(self.letters(spool)).await?;
        match &self.shared {
            Some(_) => Ok(removed + self.front().remove_own_waste(spool).await?),
            None => Ok(removed),
        }
    }

    async fn remove_own_waste(&self, spool: &Path) -> Result<usize, QueueError> {
        // Asked before the checkpoint, which makes sure of what was answered.
        let waste = self.read(segments::waste)?;
        let files = waste.segments.len() + waste.files.len();
        if files == 0 {
            return Ok(0);
        }
        match self.checkpoint("FULL").await {
            Ok(true) => {}
            Ok(false) => return Ok(0),
            // The database finds no room to grow, and what is removed here makes some.
            Err(error) if error.is_full() => {
                let path = self.inner.path.clone();
                let synced = tokio::task::spawn_blocking(move || log::sync(&path)).await;
                synced.map_err(|_| QueueError::closed())??;
            }
            Err(error) => return Err(error),
        }
        for name in &waste.segments {
            remove_file(&spool.join("incoming").join(name))?;
        }
        for name in &waste.files {
            remove_file(&spool.join("bodies").join(name))?;
        }
        self.write(move |writing| segments::forget(writing, &waste)).await?;
        Ok(files)
    }

    /// Gives back to the disk some of what messages have left of the database's file; whether there is more. For when
    /// there is nothing else to do.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn compact(&self) -> Result<bool, QueueError> {
        let step = self.write(|writing| compact::step(writing)).await?;
        if step.some && !step.more {
            // The log goes too, unless somebody reads just now.
            self.checkpoint("TRUNCATE").await?;
        }
        Ok(step.more)
    }

    /// Brings the log into the database and both to the disk; whether all of it.
    pub(super) async fn checkpoint(&self, kind: &'static str) -> Result<bool, QueueError> {
        let path = self.inner.path.clone();
        // A connection of its own: the writer goes on, and what was committed before is what matters.
        let checked = tokio::task::spawn_blocking(move || -> Result<bool, QueueError> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(std::time::Duration::from_secs(10))?;
            connection.pragma_update(None, "synchronous", "full")?;
            let (busy, log, done): (i64, i64, i64) =
                connection.query_row(&format!("PRAGMA wal_checkpoint({kind})"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
            Ok(busy == 0 && log == done)
        });
        checked.await.map_err(|_| QueueError::closed())?
    }
}

fn remove_file(path: &Path) -> Result<(), QueueError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
