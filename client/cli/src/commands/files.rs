//! Manifests in files, directories and on stdin.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// A manifest's text and the name it goes by.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads every manifest that was named.
pub(super) fn read(filenames: &[String], recursive: bool) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for filename in filenames {
        if filename == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            let name = "STDIN".to_owned();
            sources.push(Source { name, text });
            continue;
        }
        let path = Path::new(filename);
        if !path.is_dir() {
            sources.push(read_file(path)?);
            continue;
        }
        let mut found = Vec::new();
        collect(path, recursive, &mut found)?;
        if found.is_empty() {
            return Err(Failure::error(format!(
                "error reading [{filename}]: recognized file extensions are [.json .yaml .yml]"
            )));
        }
        for path in found {
            sources.push(read_file(&path)?);
        }
    }
    Ok(sources)
}

fn read_file(path: &Path) -> Result<Source, Failure> {
    let name = path.display().to_string();
    if !path.exists() {
        return Err(Failure::error(format!("the path {name:?} does not exist")));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::error(format!("cannot read {name:?}: {error}")))?;
    Ok(Source { name, text })
}

/// Manifests of a directory, by name.
fn collect(directory: &Path, recursive: bool, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if recursive {
                collect(&path, recursive, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known))
        {
            found.push(path);
        }
    }
    Ok(())
}
