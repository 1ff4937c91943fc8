//! Reading a recording.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Answer;

/// A recorded create request.
#[derive(Clone, Debug)]
pub struct CreateCase {
    /// Its stable name.
    pub id: String,
    /// Namespace it was sent to.
    pub namespace: String,
    /// The body, byte for byte.
    pub manifest: String,
    /// What Kubernetes said.
    pub expected: Answer,
}

/// A folder of recorded answers.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Create requests.
    pub creates: Vec<CreateCase>,
    /// Sequences of changes, as recorded.
    pub updates: Vec<Value>,
}

impl Recording {
    /// Reads a folder; one that holds a folder `oracle` with the recordings is fine, too.
    ///
    /// # Errors
    ///
    /// When it is no recording, saying what was looked for.
    pub fn read(folder: &Path) -> Result<Self> {
        let inner = folder.join("oracle");
        let folder = if inner.is_dir() { &inner } else { folder };
        ensure!(
            folder.join("accepted.jsonl").is_file(),
            "{} holds no recorded answers (accepted.jsonl, rejected.jsonl, updates.jsonl)",
            folder.display()
        );
        let mut creates = Vec::new();
        for name in ["accepted.jsonl", "rejected.jsonl"] {
            creates.extend(lines(&folder.join(name))?.iter().map(create_case));
        }
        let updates = lines(&folder.join("updates.jsonl"))?;
        Ok(Self { creates, updates })
    }
}

fn create_case(record: &Value) -> CreateCase {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    CreateCase {
        id: text("id"),
        namespace: text("namespace"),
        manifest: text("manifest"),
        expected: Answer::recorded(record),
    }
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .with_context(|| format!("{}:{} is not JSON", path.display(), number + 1))
    };
    text.lines().enumerate().map(parse).collect()
}
