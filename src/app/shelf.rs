//! Folders of archive files.
//!
//! Why: whoever reads and writes archives is handed where they are, so that a test hands it something else.
//!
//! Invariants: a file has its name only when all of it is on the disk; a file is never half replaced.
//!
//! Must not know: what the files hold.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::store::archived::Shelf;

/// A folder that the caller named, or for each archive the one that it was written to.
struct Folder {
    named: Option<PathBuf>,
}

/// The files in the folder that was named; None: where each was written to.
pub fn shelf(named: Option<&Path>) -> Arc<dyn Shelf> {
    Arc::new(Folder {
        named: named.map(Path::to_owned),
    })
}

/// Makes a folder where it is not there; returns how the store is to remember it: whole, from the root.
///
/// # Errors
/// Where it cannot be made, or its name is no UTF-8.
pub fn made_folder(path: &Path) -> Result<String> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
    let whole = path.canonicalize();
    let whole = whole.with_context(|| format!("cannot look up the folder {}", path.display()))?;
    let text = whole.to_str().map(str::to_owned);
    text.with_context(|| format!("the name of {} is no UTF-8, and the store keeps text", whole.display()))
}

impl Folder {
    fn path(&self, remembered: &str) -> PathBuf {
        self.named.clone().unwrap_or_else(|| PathBuf::from(remembered))
    }

    fn unnamed(&self, remembered: &str, file: &str) -> PathBuf {
        self.path(remembered).join(format!("{file}.part"))
    }
}

impl Shelf for Folder {
    fn folder(&self, remembered: &str) -> String {
        self.path(remembered).display().to_string()
    }

    fn is_promised(&self, remembered: &str) -> bool {
        self.named.is_some() || (!remembered.is_empty() && Path::new(remembered).is_dir())
    }

    fn read(&self, remembered: &str, file: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(remembered).join(file))
    }

    fn create(&self, remembered: &str, file: &str) -> io::Result<Box<dyn Write + Send>> {
        let unnamed = self.unnamed(remembered, file);
        // A new one, not the old one emptied: whoever began that may be asleep, and would write into this.
        match std::fs::remove_file(&unnamed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Box::new(File::create_new(unnamed)?)),
        }
    }

    fn keep(&self, remembered: &str, file: &str) -> io::Result<()> {
        let unnamed = self.unnamed(remembered, file);
        // Renamed before its contents are on the disk, it could be there and empty afterwards.
        File::open(&unnamed)?.sync_all()?;
        std::fs::rename(unnamed, self.path(remembered).join(file))?;
        // The name is the folder's, which has a disk write of its own.
        File::open(self.path(remembered))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let remembered = made_folder(&folder.path().join("a/b")).expect("made");
        let shelf = shelf(None);
        let mut file = shelf.create(&remembered, "f").expect("begun");
        file.write_all(b"abcd").expect("written");
        drop(file);
        assert_eq!(
            shelf.read(&remembered, "f").expect_err("no name").kind(),
            io::ErrorKind::NotFound
        );
        let mut asleep = shelf.create(&remembered, "f").expect("begun");
        let mut file = shelf.create(&remembered, "f").expect("begun again");
        file.write_all(b"abc").expect("written");
        asleep.write_all(b"xyz").expect("written to nobody");
        shelf.keep(&remembered, "f").expect("kept");
        assert_eq!(shelf.read(&remembered, "f").expect("named"), b"abc");
        assert!(shelf.is_promised(&remembered) && !shelf.is_promised("/nowhere") && !shelf.is_promised(""));
        let elsewhere = super::shelf(Some(folder.path()));
        assert!(elsewhere.is_promised("/nowhere") && elsewhere.read(&remembered, "f").is_err());
    }
}
